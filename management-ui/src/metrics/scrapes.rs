//! What answering costs: how many answers, how long, how large.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::family::{Family, Kind};
use super::registry::Registry;
use super::text::{Labels, Text};

/// Answers so far, by registry.
#[derive(Debug, Default)]
pub(crate) struct Scrapes([Count; Registry::ALL.len()]);

#[derive(Debug, Default)]
struct Count {
    answers: AtomicU64,
    milliseconds: AtomicU64,
    bytes: AtomicU64,
}

impl Scrapes {
    /// One more.
    pub(super) fn add(&self, registry: Registry, took: Duration, bytes: usize) {
        let count = &self.0[registry as usize];
        count.answers.fetch_add(1, Ordering::Relaxed);
        let milliseconds = took.as_millis() as u64;
        count
            .milliseconds
            .fetch_add(milliseconds, Ordering::Relaxed);
        count.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// What Prometheus is told of itself.
    pub(super) fn write(&self, text: &mut Text) {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        text.with_prefix("telemetry_scrape_", |text| {
            let help = "Scrape duration";
            text.family(&Family::new("duration_seconds", Kind::Summary, help));
            for (labels, count) in self.each() {
                let seconds = read(&count.milliseconds) as f64 / 1_000.0;
                text.sample(
                    "duration_seconds_count",
                    labels.as_str(),
                    read(&count.answers),
                );
                text.sample("duration_seconds_sum", labels.as_str(), seconds);
            }
            let help = "Scrape size, not encoded";
            text.family(&Family::new("size_bytes", Kind::Summary, help));
            for (labels, count) in self.each() {
                text.sample("size_bytes_count", labels.as_str(), read(&count.answers));
                text.sample("size_bytes_sum", labels.as_str(), read(&count.bytes));
            }
        });
    }

    fn each(&self) -> impl Iterator<Item = (Labels, &Count)> {
        Registry::ALL
            .into_iter()
            .zip(&self.0)
            .map(|(registry, count)| {
                let labels = Labels::of(&[
                    ("registry", registry.as_str()),
                    ("content_type", "text/plain; version=0.0.4"),
                ]);
                (labels, count)
            })
    }
}
