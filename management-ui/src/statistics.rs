//! Numbers as answers show them: `name`, and beside it `name_details`, which tells how that went.

use std::time::Duration;

use ferrymq_broker::resources::ProcessReading;
use ferrymq_broker::stats::series::{Details, Mean, Moments};
use ferrymq_broker::stats::{Activity, Kind, MessageField, Statistics, TrafficField, TrafficSums};
use serde_json::{Map, Value, json};

use crate::http::Site;
use crate::query::Shown;

const MICROSECONDS_IN_MS: f64 = 1_000.0;

/// What is told of messages, and what it is called.
pub(crate) type Kinds = &'static [&'static [(&'static str, Kind)]];

const PUBLISHED: &[(&str, Kind)] = &[("publish", Kind::Publish)];

const CONSUMED: &[(&str, Kind)] = &[
    ("get", Kind::Get),
    ("get_no_ack", Kind::GetNoAck),
    ("get_empty", Kind::GetEmpty),
    ("deliver", Kind::Deliver),
    ("deliver_no_ack", Kind::DeliverNoAck),
    ("redeliver", Kind::Redeliver),
    ("ack", Kind::Ack),
];

const ANSWERED: &[(&str, Kind)] = &[
    ("confirm", Kind::Confirm),
    ("return_unroutable", Kind::ReturnUnroutable),
    ("drop_unroutable", Kind::DropUnroutable),
];

/// Of a queue.
pub(crate) const OF_QUEUES: Kinds = &[PUBLISHED, CONSUMED];

/// Of a channel, a vhost or the broker.
pub(crate) const OF_CHANNELS: Kinds = &[PUBLISHED, CONSUMED, ANSWERED];

/// Of what passes from a channel to an exchange.
pub(crate) const TO_EXCHANGES: Kinds = &[PUBLISHED, ANSWERED];

/// Of what passes from a queue to a channel.
pub(crate) const FROM_QUEUES: Kinds = &[CONSUMED];

/// Of a consumer that acks,
pub(crate) const OF_CONSUMERS: Kinds = &[&[("deliver", Kind::Deliver), ("ack", Kind::Ack)]];

/// and of one that need not.
pub(crate) const OF_NO_ACK_CONSUMERS: Kinds = &[&[("deliver_no_ack", Kind::DeliverNoAck)]];

/// What the process used at the last tick, or now if there was none yet.
pub(crate) fn process(site: &Site) -> ProcessReading {
    match site.broker.statistics().process() {
        reading if reading.memory_bytes > 0 => reading,
        _ => ProcessReading::read(&site.broker.config()),
    }
}

/// Compat: what Erlang's collector does for a process; none of it negative, which breaks typed clients.
pub(crate) fn garbage_collection() -> Value {
    json!({
        "max_heap_size": 0, "min_bin_vheap_size": 0, "min_heap_size": 0,
        "fullsweep_after": 0, "minor_gcs": 0,
    })
}

/// Numbers of one object.
pub(crate) struct Numbers<'a> {
    statistics: &'a Statistics,
    shown: Shown<'a>,
}

impl<'a> Numbers<'a> {
    /// None yet; they go into `shown`.
    pub(crate) fn new(site: &'a Site, shown: Shown<'a>) -> Self {
        Self {
            statistics: site.broker.statistics(),
            shown,
        }
    }

    /// Adds a number; `went` tells how it went, and is asked only when that is kept at all.
    pub(crate) fn add(
        &mut self,
        name: &str,
        number: impl Into<Value>,
        went: impl FnOnce(Moments) -> Details,
    ) {
        self.shown.add(name, number);
        let about = format!("{name}_details");
        if self.statistics.has_rates() && self.shown.wants(&about) {
            let details = details(&went(self.statistics.moments()));
            self.shown.add(&about, details);
        }
    }

    /// Adds how long each of something takes, in milliseconds: in the last tick, from a mean in microseconds, or
    /// `overall` if nothing is kept of how numbers went.
    pub(crate) fn add_mean_time(
        &mut self,
        name: &str,
        overall: Duration,
        went: impl FnOnce(Moments) -> Mean,
    ) {
        if !self.statistics.has_rates() {
            let ms = overall.as_secs_f64() * 1_000.0;
            return self.shown.add(name, ms);
        }
        let about = format!("{name}_details");
        if !self.shown.wants(name) && !self.shown.wants(&about) {
            return;
        }
        let mean = went(self.statistics.moments());
        let ms = mean.newest as f64 / MICROSECONDS_IN_MS;
        self.shown.add(name, ms);
        let details = details_in_ms(&mean.details);
        self.shown.add(&about, details);
    }

    /// Adds something that has no history.
    pub(crate) fn add_alone(&mut self, name: &str, value: impl Into<Value>) {
        self.shown.add(name, value);
    }

    /// Adds what went over sockets, in both directions.
    pub(crate) fn add_traffic(
        &mut self,
        traffic: &TrafficSums,
        went: impl Fn(&[TrafficField], Moments) -> Details,
    ) {
        for (name, bytes, field) in [
            ("recv_oct", traffic.received_bytes, TrafficField::Received),
            ("send_oct", traffic.sent_bytes, TrafficField::Sent),
        ] {
            self.add(name, bytes, |moments| went(&[field], moments));
        }
    }

    /// Adds a number that never changes.
    pub(crate) fn add_constant(&mut self, name: &str, number: impl Into<Value>) {
        self.add(name, number, |_| Details::default());
    }

    /// All of them.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.shown.into_map()
    }
}

/// `message_stats` of something of which `activity` is known, in `numbers`. `None` before anything happened: then it is
/// left out.
pub(crate) fn message_stats<'a>(
    mut numbers: Numbers<'a>,
    activity: &Activity,
    kinds: Kinds,
    went: impl Fn(&[MessageField], Moments) -> Details,
) -> Option<Numbers<'a>> {
    if activity.is_zero() {
        return None;
    }
    for (name, kind) in kinds.iter().copied().flatten() {
        let field = MessageField::Happened(*kind);
        numbers.add(name, activity[*kind], |moments| went(&[field], moments));
    }
    let deliveries = [Kind::Deliver, Kind::DeliverNoAck];
    let mut told = kinds.iter().copied().flatten();
    if told.any(|(_, kind)| deliveries.contains(kind)) {
        numbers.add("deliver_get", activity.deliver_get(), |moments| {
            went(&MessageField::DELIVER_GET, moments)
        });
    }
    Some(numbers)
}

/// How a number went. Rates are always fractions: clients insist.
pub(crate) fn details(details: &Details) -> Value {
    shown(details, Value::from, |number| number)
}

/// How something went that was counted in microseconds, in milliseconds.
fn details_in_ms(details: &Details) -> Value {
    let in_ms = |microseconds: f64| microseconds / MICROSECONDS_IN_MS;
    shown(details, |sample| in_ms(sample as f64).into(), in_ms)
}

/// How a number went, whose samples and rates are shown as these functions say.
fn shown(details: &Details, sample: impl Fn(u64) -> Value, rate: impl Fn(f64) -> f64) -> Value {
    // The sum of nothing is -0.0, which would be shown.
    let mut shown = json!({ "rate": rate(details.rate) + 0.0 });
    if let Some(samples) = &details.samples {
        let samples = samples.iter();
        let samples =
            samples.map(|at| json!({ "sample": sample(at.sample), "timestamp": at.timestamp }));
        shown["samples"] = samples.collect();
    }
    for (name, average) in [
        ("avg", details.average()),
        ("avg_rate", details.average_rate()),
    ] {
        if let Some(average) = average {
            shown[name] = rate(average).into();
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrymq_broker::stats::series::Sample;

    fn check(samples: Option<&[(u64, u64)]>, expected: &str) {
        let sample = |(timestamp, sample): &(u64, u64)| Sample {
            timestamp: *timestamp,
            sample: *sample,
        };
        let samples = samples.map(|samples| samples.iter().map(sample).collect());
        let shown = details(&Details { rate: 2.0, samples });
        assert_eq!(shown.to_string(), expected);
    }

    #[test]
    fn rates_are_fractions_and_samples_whole() {
        check(None, r#"{"rate":2.0}"#);
        check(Some(&[]), r#"{"rate":2.0,"samples":[]}"#);
        check(
            Some(&[(10_000, 30), (5_000, 20)]),
            r#"{"avg":25.0,"avg_rate":2.0,"rate":2.0,"samples":[{"sample":30,"timestamp":10000},{"sample":20,"timestamp":5000}]}"#,
        );
    }
}
