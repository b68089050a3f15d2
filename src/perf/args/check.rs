//! Options that make no sense together, beyond those that exclude each other.

use super::Load;
use crate::perf::Error;

/// The longest name of a queue or exchange, in bytes; a queue's gets a number behind it.
const MAX_NAME_BYTES: usize = 200;

impl Load {
    /// Refuses what cannot work, naming the options.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let rules = [
            self.check_people(),
            self.check_publishing(),
            self.check_consuming(),
            self.check_topology(),
            self.check_times(),
        ];
        match rules.into_iter().flatten().next() {
            Some(rule) => Err(Error::Usage(rule.to_owned())),
            None => Ok(()),
        }
    }

    fn check_people(&self) -> Option<&'static str> {
        let (producers, consumers) = (self.publishing.producers, self.consuming.consumers);
        first(&[
            (
                producers == 0 && consumers == 0,
                "--producers 0 cannot be used with --consumers 0: nobody would do anything",
            ),
            (
                self.publishing.lanes() > 65_535,
                "--producers times --producer-channels is more than 65535",
            ),
            (
                producers == 0 && self.is_paced(),
                "--producers 0 cannot be used with --rate, --rate-per-producer or --variable-rate",
            ),
            (
                producers == 0 && self.publishing.is_answered(),
                "--producers 0 cannot be used with --confirm or --producer-tx",
            ),
            (
                consumers == 0 && self.publishing.backlog > 0,
                "--consumers 0 cannot be used with --backlog: it would never be less",
            ),
            (
                consumers == 0 && self.consume > 0,
                "--consumers 0 cannot be used with --consume",
            ),
            (
                (consumers == 0 || producers == 0) && self.consuming.fill_first,
                "--fill-first needs --producers and --consumers",
            ),
        ])
    }

    fn check_publishing(&self) -> Option<&'static str> {
        let publishing = &self.publishing;
        let is_silent = publishing
            .variable_rate
            .iter()
            .all(|step| step.rate() == 0.0);
        first(&[
            (
                !publishing.variable_rate.is_empty() && is_silent,
                "--variable-rate needs a rate above 0",
            ),
            (
                publishing.max_confirm_p99.is_some() && !publishing.is_answered(),
                "--max-confirm-p99 needs --confirm or --producer-tx",
            ),
            (
                publishing.confirm_histogram.is_some() && !publishing.is_answered(),
                "--confirm-histogram needs --confirm or --producer-tx",
            ),
            (
                self.is_paced() && !self.message.have_room(16) && self.needs_latency(),
                "--size below 16 leaves no room for the time that --max-p50, --max-p99 and --histogram need",
            ),
        ])
    }

    fn check_consuming(&self) -> Option<&'static str> {
        let consuming = &self.consuming;
        let fetches = consuming.consumer_latency.is_some() || consuming.consumer_rate.is_some();
        first(&[
            (
                consuming.consumers == 0 && self.needs_latency(),
                "--consumers 0 cannot be used with --max-p50, --max-p99 or --histogram: nothing is delivered",
            ),
            (
                consuming.consumers == 0 && fetches,
                "--consumers 0 cannot be used with --consumer-latency or --consumer-rate",
            ),
            (
                self.topology.queue_type.as_deref() == Some("stream") && consuming.poll,
                "--queue-type stream cannot be used with --poll",
            ),
            (
                self.topology.queue_type.as_deref() == Some("stream")
                    && consuming.settlement() == super::Settlement::Nothing,
                "--queue-type stream cannot be used with --no-ack",
            ),
            (
                self.topology.auto_delete && consuming.consumers == 0,
                "--consumers 0 cannot be used with --auto-delete: nobody would delete the queue",
            ),
        ])
    }

    fn check_topology(&self) -> Option<&'static str> {
        let topology = &self.topology;
        let no_exchange = topology.exchange.as_deref().unwrap_or_default().is_empty()
            && topology.exchange_type.is_none();
        let keys = topology
            .binding_key
            .iter()
            .chain(topology.routing_key.iter());
        let names = [Some(&topology.queue), topology.exchange.as_ref()];
        first(&[
            (
                no_exchange && topology.routing_key.is_some(),
                "--routing-key needs --exchange or --exchange-type",
            ),
            (
                no_exchange && topology.random_routing_key,
                "--random-routing-key needs --exchange or --exchange-type",
            ),
            (
                no_exchange && !topology.binding_key.is_empty(),
                "--binding-key needs --exchange or --exchange-type",
            ),
            (
                no_exchange && topology.bindings > 1,
                "--bindings needs --exchange or --exchange-type",
            ),
            (
                topology.exchange.as_deref() == Some("") && topology.exchange_type.is_some(),
                "--exchange \"\" cannot be used with --exchange-type: the default exchange is there",
            ),
            (
                topology.queue_pattern.is_some() && topology.queue_from > topology.queue_to,
                "--queue-from is behind --queue-to",
            ),
            (
                topology.queue_pattern.is_none()
                    && (topology.queue_from, topology.queue_to) != (1, 1),
                "--queue-from and --queue-to need --queue-pattern",
            ),
            (
                names
                    .into_iter()
                    .flatten()
                    .any(|name| name.len() > MAX_NAME_BYTES),
                "a name of --queue or --exchange is longer than 200 bytes",
            ),
            (
                keys.into_iter().any(|key| key.len() > 255),
                "a key of --routing-key or --binding-key is longer than 255 bytes",
            ),
        ])
    }

    fn check_times(&self) -> Option<&'static str> {
        let leaves_nothing = self
            .publishing_time()
            .is_some_and(|duration| duration <= self.warmup);
        first(&[(
            leaves_nothing,
            "--warmup is not shorter than --duration: nothing would be measured",
        )])
    }

    fn is_paced(&self) -> bool {
        !self.publishing.steps().is_empty()
    }

    /// Whether somebody asked for the time from publish to delivery.
    fn needs_latency(&self) -> bool {
        let reporting = &self.reporting;
        reporting.max_p50.is_some() || reporting.max_p99.is_some() || reporting.histogram.is_some()
    }
}

/// The first rule that is broken.
fn first(rules: &[(bool, &'static str)]) -> Option<&'static str> {
    let broken = rules.iter().find(|(broken, _)| *broken);
    broken.map(|(_, rule)| *rule)
}
