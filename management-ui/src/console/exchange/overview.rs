//! `exchange`: what it is, how much passes through it, and what applies to it.

use askama::Template;
use serde_json::Value;

use super::Head;
use crate::console::charts::Charts;
use crate::console::client::{Call, Problem};
use crate::console::exchanges::{self, in_path};
use crate::console::format;
use crate::console::page::{Page, Part, Sample};
use crate::console::queues;
use crate::console::shell::Shell;
use crate::console::table::{Cell, Column, Kind, Sheet, Table};
use crate::console::visit::Visit;

/// Who publishes to it; known when rates are kept in detail.
static INCOMING: Sheet = Sheet {
    id: "incoming",
    path: &[],
    nouns: ("publisher", "publishers"),
    key: &["channel_details.name"],
    bulk: &[],
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[
        Column::usual("channel_details.name", "Channel", Kind::Of(channel)),
        Column::usual("channel_details.user", "User", Kind::Text),
        Column::usual("stats.publish_details.rate", "In", Kind::Rate),
        Column::usual("stats.publish", "In all", Kind::Number),
    ],
};

/// Which queues it puts messages into.
static OUTGOING: Sheet = Sheet {
    id: "outgoing",
    path: &[],
    nouns: ("queue", "queues"),
    key: &["queue.vhost", "queue.name"],
    bulk: &[],
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[
        Column::usual("queue.name", "Queue", Kind::Of(queue)),
        Column::usual("stats.publish_details.rate", "Out", Kind::Rate),
        Column::usual("stats.publish", "In all", Kind::Number),
    ],
};

/// The page.
#[derive(Template)]
#[template(path = "exchange/overview.html", blocks = ["facts"])]
pub(in crate::console) struct Overview {
    shell: Shell,
    head: Head,
    features: Cell,
    alternate: Cell,
    /// Argument and value.
    arguments: Vec<(String, String)>,
    /// What the policy that applies says.
    policy: Vec<(String, String)>,
    to_policy: Cell,
    charts: Charts,
    incoming: Table,
    outgoing: Table,
}

impl Page for Overview {
    const NAME: &'static str = "exchange";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let key = [
            ("vhost", head.vhost.as_str()),
            ("name", in_path(&head.name)),
        ];
        let flows = |field: &str| {
            head.exchange[field]
                .as_array()
                .map_or(&[][..], Vec::as_slice)
        };
        Ok(Self {
            shell: Shell::new(visit, head.title()),
            features: exchanges::features(&head.exchange),
            alternate: exchanges::alternate(&head.exchange),
            arguments: pairs(&head.exchange["arguments"]),
            policy: policy(visit, &head).await?,
            to_policy: queues::policy(&head.exchange),
            charts: Charts::new(visit, "exchange", &key, &head.exchange),
            incoming: INCOMING.of(visit, flows("incoming")),
            outgoing: OUTGOING.of(visit, flows("outgoing")),
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let facts = Part::new("facts", &self.as_facts());
        let flows = self
            .incoming
            .parts()
            .into_iter()
            .chain(self.outgoing.parts());
        flows.chain([facts]).collect()
    }

    fn samples(&self) -> Vec<Sample> {
        self.charts.samples()
    }
}

impl Overview {
    /// How many messages passed, in all.
    fn passed(&self, field: &str) -> String {
        let count = self.head.exchange["message_stats"][field].as_u64();
        format::count(count.unwrap_or_default())
    }
}

/// The definition of the policy that applies; empty when there is none.
async fn policy(visit: &Visit, head: &Head) -> Result<Vec<(String, String)>, Problem> {
    let Some(name) = head.exchange["policy"].as_str() else {
        return Ok(Vec::new());
    };
    let policy = visit.call(Call::get(&["policies", &head.vhost, name]));
    // It may be gone by now.
    let policy = policy.await.unwrap_or_default();
    Ok(pairs(&policy["definition"]))
}

/// The entries of an object, for people.
fn pairs(object: &Value) -> Vec<(String, String)> {
    let entries = object.as_object().into_iter().flatten();
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    entries
        .map(|(name, value)| (name.clone(), shown(value)))
        .collect()
}

fn channel(row: &Value) -> Cell {
    let name = row["channel_details"]["name"].as_str().unwrap_or_default();
    Cell::link(&crate::console::channels::of_channel(name), name)
}

fn queue(row: &Value) -> Cell {
    let text = |field: &str| row["queue"][field].as_str().unwrap_or_default();
    Cell::link(&queues::of_queue(text("vhost"), text("name")), text("name"))
}
