//! What a run prints: a line per second, and a summary in words or as JSON.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::progress::Progress;
use super::verify::Verdict;
use super::{Args, clock};

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) time: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) confirmed: u64,
    pub(super) processor: Option<Duration>,
}

impl Counts {
    /// The counters now; what the broker used must be asked for.
    pub(super) fn now(progress: &Progress) -> Self {
        Self {
            time: clock::now(),
            sent: progress.sent.get(),
            received: progress.received.get(),
            confirmed: progress.confirmed.get(),
            processor: None,
        }
    }
}

/// From publish to delivery, and from publish to confirm.
pub(super) struct Latencies {
    pub(super) end_to_end: Histogram<u64>,
    pub(super) confirm: Histogram<u64>,
}

impl Latencies {
    /// Those since the last time somebody took them.
    pub(super) fn take(progress: &Progress) -> Self {
        Self {
            end_to_end: progress.latency.take(),
            confirm: progress.confirm_latency.take(),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.end_to_end += &other.end_to_end;
        self.confirm += &other.confirm;
    }
}

/// Prints what happened from `before` to `now`. To standard error when that is not for people.
pub(super) fn print_interval(
    args: &Args,
    start: u64,
    before: &Counts,
    now: &Counts,
    latencies: &Latencies,
) {
    let span = clock::between(before.time, now.time);
    let mut line = format!(
        "{:>4.0} s  sent {:>9}/s  received {:>9}/s",
        clock::between(start, now.time).as_secs_f64(),
        rate(now.sent - before.sent, span),
        rate(now.received - before.received, span),
    );
    if args.confirm > 0 {
        let confirmed = rate(now.confirmed - before.confirmed, span);
        line += &format!("  confirmed {confirmed:>9}/s");
    }
    line += &percentiles_in_short("latency", &latencies.end_to_end);
    line += &percentiles_in_short("confirm", &latencies.confirm);
    match args.json {
        true => eprintln!("{line}"),
        false => println!("{line}"),
    }
}

fn percentiles_in_short(name: &str, latencies: &Histogram<u64>) -> String {
    if latencies.is_empty() {
        return String::new();
    }
    let at = |quantile| duration(latencies.value_at_quantile(quantile));
    format!("  {name} p50 {} p99 {}", at(0.5), at(0.99))
}

fn rate(count: u64, span: Duration) -> u64 {
    match span.is_zero() {
        true => 0,
        false => (count as f64 / span.as_secs_f64()) as u64,
    }
}

/// Nanoseconds in the unit that fits.
fn duration(nanoseconds: u64) -> String {
    let value = nanoseconds as f64;
    match nanoseconds {
        0..1_000_000 => format!("{:.0} µs", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", value / 1e6),
        _ => format!("{:.2} s", value / 1e9),
    }
}

/// Everything about a run that was measured.
pub(super) struct Summary {
    /// Where the measured time starts, where all is published and confirmed, and where all is received.
    pub(super) start: Counts,
    pub(super) published: Counts,
    pub(super) end: Counts,
    /// When the last message went out, and when the last came in.
    pub(super) last_sent: u64,
    pub(super) last_received: u64,
    pub(super) latencies: Latencies,
    pub(super) nacked: u64,
    pub(super) redelivered: u64,
    pub(super) resident_bytes: Option<u64>,
    /// `None` when nothing could be verified.
    pub(super) verdict: Option<Verdict>,
}

impl Summary {
    fn sent(&self) -> u64 {
        self.end.sent - self.start.sent
    }

    fn received(&self) -> u64 {
        self.end.received - self.start.received
    }

    fn sent_rate(&self) -> u64 {
        rate(self.sent(), clock::between(self.start.time, self.last_sent))
    }

    fn received_rate(&self) -> u64 {
        rate(
            self.received(),
            clock::between(self.start.time, self.last_received),
        )
    }

    fn confirmed_rate(&self) -> u64 {
        let confirmed = self.published.confirmed - self.start.confirmed;
        rate(
            confirmed,
            clock::between(self.start.time, self.published.time),
        )
    }

    /// Nanoseconds of the broker's processor time per published message, or per consumed one.
    fn processor_per_message(&self) -> Option<f64> {
        let used = self.end.processor?.checked_sub(self.start.processor?)?;
        let messages = match self.sent() {
            0 => self.received(),
            sent => sent,
        };
        (messages > 0).then(|| used.as_nanos() as f64 / messages as f64)
    }

    /// Whether the broker kept its word.
    pub(super) fn is_clean(&self) -> bool {
        self.nacked == 0 && self.verdict.is_none_or(|verdict| verdict.is_clean())
    }

    pub(super) fn print(&self, args: &Args) {
        match args.json {
            true => println!("{:#}", self.to_json()),
            false => self.print_words(args),
        }
    }

    fn print_words(&self, args: &Args) {
        println!("sent       {:>12}  {:>9}/s", self.sent(), self.sent_rate());
        println!(
            "received   {:>12}  {:>9}/s",
            self.received(),
            self.received_rate()
        );
        if args.confirm > 0 {
            let confirmed = self.end.confirmed - self.start.confirmed;
            println!("confirmed  {confirmed:>12}  {:>9}/s", self.confirmed_rate());
            println!("refused    {:>12}", self.nacked);
        }
        print_percentiles("latency", &self.latencies.end_to_end);
        print_percentiles("confirm", &self.latencies.confirm);
        if let Some(nanoseconds) = self.processor_per_message() {
            let microseconds = nanoseconds / 1e3;
            println!(
                "broker     {microseconds:.3} µs ({nanoseconds:.0} ns) of processor per message"
            );
        }
        if let Some(bytes) = self.resident_bytes {
            println!(
                "broker     {:.1} MiB resident",
                bytes as f64 / f64::from(1 << 20)
            );
        }
        println!("verified   {}", self.verdict_in_words());
    }

    fn verdict_in_words(&self) -> String {
        let Some(verdict) = self.verdict else {
            return "nothing".to_owned();
        };
        if verdict.is_clean() {
            return format!("everything in order, {} redelivered", self.redelivered);
        }
        format!(
            "BROKEN: {} lost, {} duplicated, {} out of order, {} foreign, {} queues mixed up",
            verdict.lost, verdict.duplicated, verdict.disordered, verdict.foreign, verdict.mixed_up,
        )
    }

    fn to_json(&self) -> Value {
        json!({
            "sent": self.sent(),
            "sent_per_second": self.sent_rate(),
            "received": self.received(),
            "received_per_second": self.received_rate(),
            "confirmed": self.end.confirmed - self.start.confirmed,
            "confirmed_per_second": self.confirmed_rate(),
            "nacked": self.nacked,
            "redelivered": self.redelivered,
            "latency_ns": percentiles(&self.latencies.end_to_end),
            "confirm_latency_ns": percentiles(&self.latencies.confirm),
            "broker_processor_ns_per_message": self.processor_per_message(),
            "broker_resident_bytes": self.resident_bytes,
            "clean": self.is_clean(),
            "verified": self.verdict.map(|verdict| json!({
                "lost": verdict.lost,
                "duplicated": verdict.duplicated,
                "out_of_order": verdict.disordered,
                "foreign": verdict.foreign,
                "queues_mixed_up": verdict.mixed_up,
            })),
        })
    }
}

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)];

fn print_percentiles(name: &str, latencies: &Histogram<u64>) {
    if latencies.is_empty() {
        return;
    }
    let mut line = format!("{name:<10}");
    for (label, quantile) in QUANTILES {
        line += &format!(
            " {label} {} ",
            duration(latencies.value_at_quantile(quantile))
        );
    }
    println!("{line} max {}", duration(latencies.max()));
}

fn percentiles(latencies: &Histogram<u64>) -> Value {
    if latencies.is_empty() {
        return Value::Null;
    }
    let mut object = serde_json::Map::new();
    for (label, quantile) in QUANTILES {
        object.insert(
            label.to_owned(),
            latencies.value_at_quantile(quantile).into(),
        );
    }
    object.insert("max".to_owned(), latencies.max().into());
    object.into()
}
