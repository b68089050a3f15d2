//! What comes in against what goes out, in words.

use std::time::Duration;

use serde_json::Value;

use crate::console::format;

/// Messages per second that are no change.
const STILL: f64 = 0.05;

/// Consumers that can take a message at once less often are what holds a queue up.
const FULL: f64 = 0.5;

/// How a queue does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Balance {
    /// `good`, `busy`, `bad` or `quiet`.
    pub(super) kind: &'static str,
    pub(super) text: String,
}

impl Balance {
    /// Of a queue as the API answers it.
    pub(super) fn of(queue: &Value) -> Self {
        let number = |field: &str| queue[field].as_u64().unwrap_or_default();
        let rate = |value: &Value| value["rate"].as_f64().unwrap_or_default();
        let growth = rate(&queue["messages_details"]);
        let flow = Flow {
            is_paused: queue["state"] == "paused",
            messages: number("messages"),
            consumers: number("consumers"),
            growth,
            incoming: rate(&queue["message_stats"]["publish_details"]),
            outgoing: rate(&queue["message_stats"]["deliver_get_details"]),
            capacity: queue["consumer_capacity"].as_f64().unwrap_or(1.0),
        };
        let (kind, text) = flow.told();
        Self { kind, text }
    }
}

/// Messages, and messages per second.
struct Flow {
    is_paused: bool,
    messages: u64,
    consumers: u64,
    growth: f64,
    incoming: f64,
    outgoing: f64,
    /// The share of the time in which a consumer could have taken a message at once.
    capacity: f64,
}

impl Flow {
    fn told(&self) -> (&'static str, String) {
        let grows = self.growth > STILL;
        let (growth, wait) = (format::rate(self.growth.abs()), self.waiting());
        let by = match grows {
            true => format!(" It grows by {growth}/s."),
            false => String::new(),
        };
        if self.is_paused {
            return ("busy", format!("Paused: nothing is delivered, {wait}.{by}"));
        }
        if self.consumers == 0 && (self.messages > 0 || grows) {
            return ("bad", format!("No consumers: {wait}.{by}"));
        }
        let rates = format!(
            "{}/s come in, {}/s go out",
            format::rate(self.incoming),
            format::rate(self.outgoing)
        );
        if grows {
            let why = match self.capacity < FULL {
                true => {
                    " Its consumers have as many messages as they may, and acknowledge too slowly."
                }
                false => "",
            };
            return ("busy", format!("Grows by {growth}/s: {rates}.{why}"));
        }
        if self.growth < -STILL && self.messages > 0 {
            let left = Duration::from_secs_f64(self.messages as f64 / -self.growth);
            let left = format::span(left);
            return (
                "good",
                format!("Empty in about {left} at this rate: {rates}."),
            );
        }
        self.steady(&rates)
    }

    fn steady(&self, rates: &str) -> (&'static str, String) {
        let moves = self.incoming > STILL || self.outgoing > STILL;
        match (self.messages, moves) {
            (_, true) => ("good", format!("Keeps up: {rates}.")),
            (0, false) if self.consumers == 0 => {
                ("quiet", "Empty, and nobody consumes.".to_owned())
            }
            (0, false) => ("quiet", "Empty: its consumers wait.".to_owned()),
            (_, false) => ("busy", format!("Stands still: {}.", self.waiting())),
        }
    }

    fn waiting(&self) -> String {
        match self.messages {
            1 => "1 message is in it".to_owned(),
            count => format!("{} messages are in it", format::count(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(
        messages: u64,
        consumers: u64,
        [growth, incoming, outgoing]: [f64; 3],
        expected: &str,
    ) {
        let queue = json!({
            "messages": messages, "consumers": consumers, "state": "running",
            "messages_details": {"rate": growth},
            "message_stats": {
                "publish_details": {"rate": incoming}, "deliver_get_details": {"rate": outgoing},
            },
        });
        assert_eq!(Balance::of(&queue).text, expected);
    }

    #[test]
    fn queues_are_told_of_in_words() {
        check(0, 0, [0.0; 3], "Empty, and nobody consumes.");
        check(0, 1, [0.0; 3], "Empty: its consumers wait.");
        check(1, 0, [0.0; 3], "No consumers: 1 message is in it.");
        check(
            2_000,
            0,
            [12.0, 12.0, 0.0],
            "No consumers: 2,000 messages are in it. It grows by 12/s.",
        );
        check(
            90,
            1,
            [12.0, 30.0, 18.0],
            "Grows by 12/s: 30/s come in, 18/s go out.",
        );
        check(
            1_800,
            1,
            [-10.0, 0.0, 10.0],
            "Empty in about 3 min at this rate: 0/s come in, 10/s go out.",
        );
        check(
            5,
            1,
            [0.0, 30.0, 30.0],
            "Keeps up: 30/s come in, 30/s go out.",
        );
        check(5, 1, [0.0; 3], "Stands still: 5 messages are in it.");
    }

    #[test]
    fn consumers_that_hold_a_queue_up_are_told_of() {
        let growing = |capacity: f64| {
            let queue = json!({
                "messages": 90, "consumers": 1, "consumer_capacity": capacity,
                "messages_details": {"rate": 12.0},
            });
            Balance::of(&queue).text
        };
        assert!(!growing(1.0).contains("acknowledge too slowly"));
        assert!(growing(0.0).contains("acknowledge too slowly"));
    }

    #[test]
    fn a_paused_queue_says_so() {
        let queue = json!({"messages": 3, "state": "paused"});
        let balance = Balance::of(&queue);
        assert_eq!(
            balance.text,
            "Paused: nothing is delivered, 3 messages are in it."
        );
    }
}
