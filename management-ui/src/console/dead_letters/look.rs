//! Why the first messages of a queue died, and where.

use std::collections::BTreeMap;

use serde_json::Value;

use super::targets::Target;
use crate::console::client::{Call, Problem};
use crate::console::jobs::counted;
use crate::console::visit::Visit;

/// So many messages are looked at.
const MAX_MESSAGES: &str = "1000";

/// What the first messages tell.
#[derive(Default)]
pub(super) struct Look {
    /// How many died for which reason, the most frequent first.
    pub(super) reasons: Vec<(String, u64)>,
    /// How many died in which queue.
    pub(super) origins: Vec<(String, u64)>,
    /// When the first of them died for the first time, in milliseconds.
    pub(super) oldest: Option<u64>,
    scanned: u64,
    /// Messages that never died.
    others: u64,
    /// Why nothing was seen.
    refused: Option<String>,
}

impl Look {
    /// Looks at what waits in a queue.
    ///
    /// # Errors
    /// What the API refuses, but for what the visitor may not see: then there is nothing to tell.
    pub(super) async fn at(visit: &Visit, target: &Target) -> Result<Self, Problem> {
        let look = Call::get(&["queues", &target.vhost, &target.name, "browse"])
            .with("limit", MAX_MESSAGES)
            .with("truncate", "0");
        match visit.call(look).await {
            Ok(found) => Ok(Self::of(&found)),
            Err(problem) if problem.status.is_client_error() => Ok(Self {
                refused: Some(problem.reason),
                ..Self::default()
            }),
            Err(problem) => Err(problem),
        }
    }

    fn of(found: &Value) -> Self {
        let (mut reasons, mut origins) = (BTreeMap::new(), BTreeMap::new());
        let mut look = Self {
            scanned: found["scanned"].as_u64().unwrap_or_default(),
            ..Self::default()
        };
        for message in found["items"].as_array().into_iter().flatten() {
            let headers = &message["properties"]["headers"];
            let deaths = headers["x-death"].as_array().map_or(&[][..], Vec::as_slice);
            let Some(latest) = deaths.first() else {
                look.others += 1;
                continue;
            };
            for (counts, field) in [(&mut reasons, "reason"), (&mut origins, "queue")] {
                let value = latest[field].as_str().unwrap_or_default();
                *counts.entry(value.to_owned()).or_insert(0) += 1;
            }
            let times = deaths.iter().filter_map(|death| death["time"].as_u64());
            let first = times.min().map(|seconds| seconds.saturating_mul(1_000));
            look.oldest = [look.oldest, first].into_iter().flatten().min();
        }
        look.reasons = most_first(reasons);
        look.origins = most_first(origins);
        look
    }

    /// How far it was looked, where that has to be said.
    pub(super) fn told(&self, ready: u64) -> String {
        let others = match self.others {
            0 => String::new(),
            others => format!("{} never died", counted(others)),
        };
        match &self.refused {
            Some(reason) => reason.clone(),
            None if self.scanned < ready && self.scanned > 0 => {
                let first = format!("of the first {}", counted(self.scanned));
                [first, others].join(" ").trim().to_owned()
            }
            None => others,
        }
    }
}

fn most_first(counts: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dead(reason: &str, queue: &str, time: u64) -> Value {
        let death = json!({ "reason": reason, "queue": queue, "time": time });
        json!({ "properties": { "headers": { "x-death": [death] } } })
    }

    #[test]
    fn the_latest_deaths_are_counted() {
        let items = json!([
            dead("expired", "a", 20),
            dead("rejected", "b", 10),
            dead("rejected", "a", 30),
            { "properties": {} },
        ]);
        let look = Look::of(&json!({ "scanned": 4, "items": items }));
        let counts = |pairs: &[(&str, u64)]| -> Vec<_> {
            let owned = pairs
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count));
            owned.collect()
        };
        assert_eq!(look.reasons, counts(&[("rejected", 2), ("expired", 1)]));
        assert_eq!(look.origins, counts(&[("a", 2), ("b", 1)]));
        assert_eq!(look.oldest, Some(10_000));
        assert_eq!(look.told(4), "1 message never died");
        assert_eq!(look.told(9), "of the first 4 messages 1 message never died");
    }
}
