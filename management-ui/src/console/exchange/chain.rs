//! The steps that a message takes, as a tree from the exchange that it is published to.

use std::collections::BTreeSet;

use askama::Template;
use serde_json::Value;

use crate::console::exchanges::{of_exchange, title};
use crate::console::queues::of_queue;

/// What leads on from an exchange. Shown by being written into a page, unescaped.
#[derive(Template)]
#[template(path = "exchange/chain.html")]
pub(super) struct Chain(Vec<Link>);

/// A step, and what follows.
struct Link {
    /// Why it goes there.
    why: String,
    /// What is there; empty: nothing, the message stays.
    kind: &'static str,
    name: String,
    to: String,
    next: Chain,
}

impl Chain {
    /// What leads on from `exchange`. Each exchange is asked once, whichever ways lead there.
    pub(super) fn new(vhost: &str, exchange: &str, steps: &[Value]) -> Self {
        Walk {
            vhost,
            steps,
            seen: BTreeSet::from([exchange]),
        }
        .from(exchange)
    }

    /// Does it go on somewhere after its first steps?
    pub(super) fn is_deep(&self) -> bool {
        self.0.iter().any(|link| !link.next.is_empty())
    }

    /// Does nothing lead on?
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

struct Walk<'a> {
    vhost: &'a str,
    steps: &'a [Value],
    seen: BTreeSet<&'a str>,
}

impl<'a> Walk<'a> {
    fn from(&mut self, exchange: &str) -> Chain {
        let steps = self.steps;
        // A queue that is found by its name has no source in its step.
        let here = steps.iter().filter(|step| text(step, "source") == exchange);
        Chain(here.map(|step| self.link(step)).collect())
    }

    fn link(&mut self, step: &'a Value) -> Link {
        let name = text(step, "destination");
        let is_exchange = match text(step, "type") {
            "binding" => step["destination_type"] == "exchange",
            kind => kind == "alternate_exchange",
        };
        let (kind, shown, to) = match (text(step, "type"), is_exchange) {
            ("delay", _) => ("", "", String::new()),
            (_, true) => (
                "exchange",
                title(name),
                of_exchange(self.vhost, name).to_string(),
            ),
            (_, false) => ("queue", name, of_queue(self.vhost, name).to_string()),
        };
        Link {
            why: why(step),
            kind,
            name: shown.to_owned(),
            to,
            next: match is_exchange && self.seen.insert(name) {
                true => self.from(name),
                false => Chain(Vec::new()),
            },
        }
    }
}

fn why(step: &Value) -> String {
    match text(step, "type") {
        "queue_name" => "the routing key is the queue's name".to_owned(),
        "alternate_exchange" => "no binding matches: alternate exchange".to_owned(),
        "delay" => "waits here until its delay is over".to_owned(),
        _ => binding(step),
    }
}

fn binding(step: &Value) -> String {
    let arguments = step["arguments"].as_object();
    let arguments = arguments.filter(|arguments| !arguments.is_empty());
    match (text(step, "routing_key"), arguments) {
        ("", None) => "binding without a key".to_owned(),
        (key, None) => format!("binding {key}"),
        (key, Some(_)) => format!("binding {key} {}", step["arguments"]),
    }
}

fn text<'a>(step: &'a Value, field: &str) -> &'a str {
    step[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outline(chain: &Chain) -> String {
        let shown = chain.0.iter().map(|link| match link.next.0.as_slice() {
            [] => link.name.clone(),
            _ => format!("{}({})", link.name, outline(&link.next)),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    fn binding(source: &str, kind: &str, destination: &str) -> Value {
        json!({ "type": "binding", "source": source, "destination": destination,
                "destination_type": kind, "routing_key": "k", "arguments": {} })
    }

    #[test]
    fn a_circle_ends_where_it_began() {
        let steps = [
            binding("a", "queue", "q"),
            binding("a", "exchange", "b"),
            binding("b", "exchange", "a"),
            binding("b", "queue", "r"),
        ];
        assert_eq!(outline(&Chain::new("/", "a", &steps)), "q b(a r)");
    }

    #[test]
    fn other_ways_than_bindings_are_shown() {
        let steps = [
            json!({ "type": "alternate_exchange", "source": "a", "destination": "x" }),
            json!({ "type": "delay", "source": "x" }),
        ];
        let chain = Chain::new("/", "a", &steps);
        assert_eq!(outline(&chain), "x()");
        assert!(chain.0[0].next.0[0].why.contains("waits"));
        let steps = [json!({ "type": "queue_name", "destination": "q" })];
        assert_eq!(outline(&Chain::new("/", "", &steps)), "q");
    }
}
