//! `queue`: how much it holds, how fast it moves, and what applies to it.

use askama::Template;
use serde_json::Value;

use super::Head;
use super::balance::Balance;
use super::effective::Effective;
use crate::console::address::Address;
use crate::console::charts::Charts;
use crate::console::client::Problem;
use crate::console::page::{Page, Part, Sample};
use crate::console::queues;
use crate::console::shell::Shell;
use crate::console::table::{Cell, bytes, number, text};
use crate::console::visit::Visit;

/// Bindings that are listed; the rest are on their page.
const MAX_BINDINGS: &str = "8";

/// How messages are counted: title, the API's fields for their number and their bytes.
const CLASSES: &[(&str, &str, &str)] = &[
    ("Ready", "messages_ready", "message_bytes_ready"),
    (
        "Unacked",
        "messages_unacknowledged",
        "message_bytes_unacknowledged",
    ),
    ("Total", "messages", "message_bytes"),
    ("In memory", "messages_ram", "message_bytes_ram"),
    (
        "On disk only",
        "messages_paged_out",
        "message_bytes_paged_out",
    ),
    (
        "Persistent",
        "messages_persistent",
        "message_bytes_persistent",
    ),
    ("Delayed", "messages_delayed", ""),
];

/// The page.
#[derive(Template)]
#[template(path = "queue/overview.html", blocks = ["facts", "flow"])]
pub(in crate::console) struct Overview {
    shell: Shell,
    head: Head,
    balance: Balance,
    facts: Vec<Fact>,
    classes: Vec<Class>,
    bindings: Bindings,
    effective: Effective,
    charts: Charts,
}

/// Something about the queue.
struct Fact {
    title: &'static str,
    value: Cell,
}

/// Messages that have something in common.
struct Class {
    title: String,
    count: Cell,
    bytes: Cell,
}

/// Where messages come from.
struct Bindings {
    listed: Vec<Source>,
    /// Further ones.
    more: u64,
}

struct Source {
    name: String,
    to: String,
    routing_key: String,
}

impl Page for Overview {
    const NAME: &'static str = "queue";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let key = [("vhost", head.vhost.as_str()), ("name", head.name.as_str())];
        Ok(Self {
            shell: Shell::new(visit, head.name.clone()),
            balance: Balance::of(&head.queue),
            facts: facts(&head),
            classes: classes(&head.queue),
            bindings: Bindings::load(visit, &head).await?,
            effective: Effective::of(visit, &head),
            charts: Charts::new(visit, "queue", &key, &head.queue),
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.head.parts();
        parts.push(Part::new("facts", &self.as_facts()));
        parts.push(Part::new("flow", &self.as_flow()));
        parts
    }

    fn samples(&self) -> Vec<Sample> {
        self.charts.samples()
    }
}

impl Bindings {
    async fn load(visit: &Visit, head: &Head) -> Result<Self, Problem> {
        let call = head.call(&["bindings"]);
        let call = call.with("page", "1").with("page_size", MAX_BINDINGS);
        let answer = visit.call(call).await?;
        let items = answer["items"].as_array();
        let items = items.map_or(&[][..], Vec::as_slice);
        let total = answer["total_count"].as_u64().unwrap_or_default();
        let made = items.iter().filter(|binding| binding["source"] != "");
        Ok(Self {
            listed: made.map(|binding| Source::new(binding, head)).collect(),
            more: total.saturating_sub(items.len() as u64),
        })
    }
}

impl Source {
    fn new(binding: &Value, head: &Head) -> Self {
        let text = |field: &str| binding[field].as_str().unwrap_or_default().to_owned();
        let name = text("source");
        Self {
            to: exchange(&head.vhost, &name),
            routing_key: text("routing_key"),
            name,
        }
    }
}

impl Overview {
    /// The exchange for messages that it gives up on, and its page.
    fn dead_letters(&self) -> Option<(String, String)> {
        let name = self.effective.value("dead-letter-exchange")?;
        let shown = match name {
            "" => "(default exchange)",
            name => name,
        };
        Some((shown.to_owned(), exchange(&self.head.vhost, name)))
    }
}

fn exchange(vhost: &str, name: &str) -> String {
    let exchange = Address::new("exchange").with("vhost", vhost);
    exchange.with("name", name).to_string()
}

fn facts(head: &Head) -> Vec<Fact> {
    let queue = &head.queue;
    let fact = |title, value| Fact { title, value };
    let mut facts = vec![
        fact("State", queues::state(queue)),
        fact("Type", text(queue.get("type"))),
        fact("Node", text(queue.get("node"))),
        fact("Features", queues::features(queue)),
        fact("Policy", queues::policy(queue)),
        fact("Operator policy", queues::operator_policy(queue)),
        fact("Consumers", number(queue.get("consumers"))),
        fact("Consumer capacity", queues::capacity(queue)),
        fact(
            "Active consumer",
            text(queue.get("single_active_consumer_tag")),
        ),
        fact(
            "Exclusive consumer",
            text(queue.get("exclusive_consumer_tag")),
        ),
        fact("Belongs to", owner(queue)),
        fact("Memory", bytes(queue.get("memory"))),
        fact("Oldest message", queues::oldest(queue)),
        fact("Idle since", text(queue.get("idle_since"))),
    ];
    facts.retain(|fact| fact.value != Cell::Nothing);
    facts
}

/// The connection that an exclusive queue belongs to.
fn owner(queue: &Value) -> Cell {
    match queue["owner_pid_details"]["name"].as_str() {
        Some(name) => Cell::link(&Address::new("connection").with("name", name), name),
        None => Cell::Nothing,
    }
}

fn classes(queue: &Value) -> Vec<Class> {
    let class = |(title, count, size): &(&str, &str, &str)| Class {
        title: (*title).to_owned(),
        count: number(queue.get(*count)),
        bytes: bytes(queue.get(*size)),
    };
    let by_priority = queue["messages_by_priority"].as_object();
    let by_priority = by_priority.into_iter().flatten();
    let by_priority = by_priority.map(|(priority, count)| Class {
        title: format!("Priority {priority}"),
        count: number(Some(count)),
        bytes: Cell::Nothing,
    });
    CLASSES.iter().map(class).chain(by_priority).collect()
}
