//! The summary for programs.

use serde_json::{Value, json};

use super::{Summary, percentiles};

impl Summary {
    /// Rates are per second, times in nanoseconds. `missed` are the thresholds that were.
    pub(crate) fn to_json(&self, missed: &[String]) -> Value {
        json!({
            "elapsed_seconds": self.elapsed().as_secs_f64(),
            "interrupted": self.interrupted,
            "sent": self.sent(),
            "sent_per_second": self.sent_rate(),
            "unsent": self.unsent,
            "received": self.received(),
            "received_per_second": self.received_rate(),
            "confirmed": self.confirmed(),
            "confirmed_per_second": self.confirmed_rate(),
            "nacked": self.nacked,
            "returned": self.returned,
            "redelivered": self.redelivered,
            "requeued": self.requeued,
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
            "missed_thresholds": missed,
        })
    }
}
