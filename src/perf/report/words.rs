//! The summary for people.

use super::{Summary, percentiles_in_words};

impl Summary {
    /// Line by line. `missed` are the thresholds that were.
    pub(crate) fn in_words(&self, missed: &[String]) -> String {
        let mut lines = vec![
            amount("sent", self.sent(), self.sent_rate()),
            amount("received", self.received(), self.received_rate()),
        ];
        if self.has_confirms {
            let confirmed = amount("confirmed", self.confirmed(), self.confirmed_rate());
            lines.push(confirmed);
            lines.push(format!("refused    {:>12}", self.nacked));
        }
        let rare = [
            ("returned", self.returned),
            ("requeued", self.requeued),
            ("unsent", self.unsent),
        ];
        for (name, count) in rare.into_iter().filter(|(_, count)| *count > 0) {
            lines.push(format!("{name:<10} {count:>12}"));
        }
        lines.extend(percentiles_in_words("latency", &self.latencies.end_to_end));
        lines.extend(percentiles_in_words("confirm", &self.latencies.confirm));
        lines.extend(self.broker_in_words());
        lines.push(format!("verified   {}", self.verdict_in_words()));
        let missed = missed.iter().map(|what| format!("missed     {what}"));
        lines.extend(missed);
        lines.join("\n")
    }

    fn broker_in_words(&self) -> Vec<String> {
        let processor = self.processor_per_message().map(|nanoseconds| {
            let microseconds = nanoseconds / 1e3;
            format!(
                "broker     {microseconds:.3} µs ({nanoseconds:.0} ns) of processor per message"
            )
        });
        let memory = self.resident_bytes.map(|bytes| {
            let mebibytes = bytes as f64 / f64::from(1 << 20);
            format!("broker     {mebibytes:.1} MiB resident")
        });
        processor.into_iter().chain(memory).collect()
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
}

fn amount(name: &str, count: u64, rate: u64) -> String {
    format!("{name:<10} {count:>12}  {rate:>9}/s")
}
