//! A queue as lists and answers show it.

use std::sync::Arc;

use ferrymq_broker::json;
use ferrymq_broker::queue::arguments::QueueType;
use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::queue::{Counts, Queue};
use serde_json::{Map, Value, json};

use crate::http::Site;
use crate::list::{Row, SortKey};
use crate::query::View;

impl Row for Arc<SharedQueue> {
    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn render(&self, site: &Site, view: &View) -> Value {
        let mut shown = basics(self, site);
        show_policies(self, &mut shown);
        let counts = self.inspect(Queue::counts);
        if !view.disable_stats {
            show_numbers(self, &counts, &mut shown);
        }
        if !view.disable_stats || view.queue_totals {
            show_totals(&counts, &mut shown);
        }
        shown.into()
    }

    fn sort_key(&self, field: &str) -> Option<SortKey> {
        let counts = || self.inspect(Queue::counts);
        Some(match field {
            "name" => self.name.as_str().into(),
            "vhost" => self.vhost.as_ref().into(),
            "type" => queue_type(self).as_str().into(),
            "durable" => self.declared.flags.durable.into(),
            "messages" => messages(&counts()).into(),
            "messages_ready" => counts().ready.into(),
            "messages_unacknowledged" => counts().unacked.into(),
            "message_bytes_ready" => counts().ready_bytes.into(),
            "consumers" => counts().consumers.into(),
            "memory" => self.inspect(Queue::resident_bytes).into(),
            _ => return None,
        })
    }
}

/// All of it, for an answer about it alone.
pub(super) fn render_alone(queue: &Arc<SharedQueue>, site: &Site, view: &View) -> Value {
    let mut shown = queue.render(site, view);
    // What passed between whom is counted with rates_mode = detailed only.
    shown["incoming"] = json!([]);
    shown["deliveries"] = json!([]);
    shown
}

/// What is true of it whether anybody uses it or not.
fn basics(queue: &SharedQueue, site: &Site) -> Map<String, Value> {
    let flags = queue.declared.flags;
    let queue_type = queue_type(queue);
    let paused = queue.inspect(Queue::is_paused);
    let mut shown = object([
        ("name", queue.name.as_str().into()),
        ("vhost", queue.vhost.as_ref().into()),
        ("type", queue_type.as_str().into()),
        ("durable", flags.durable.into()),
        ("auto_delete", flags.auto_delete.into()),
        ("exclusive", queue.owner.is_some().into()),
        (
            "arguments",
            json::from_table(queue.declared.arguments.table()).into(),
        ),
        ("node", site.node().into()),
        ("state", if paused { "paused" } else { "running" }.into()),
        ("internal", false.into()),
        ("internal_owner", false.into()),
    ]);
    if queue_type != QueueType::Classic {
        shown.insert("leader".into(), site.node().into());
        shown.insert("members".into(), json!([site.node()]));
        shown.insert("online".into(), json!([site.node()]));
    }
    shown
}

/// Compat: null where no policy applies, not absent.
fn show_policies(queue: &SharedQueue, shown: &mut Map<String, Value>) {
    let applied = queue.policies();
    let name = |policy: Option<&Arc<_>>| policy.map(policy_name).into();
    let policy = applied.as_ref().and_then(|applied| applied.policy.as_ref());
    let operator = applied
        .as_ref()
        .and_then(|applied| applied.operator.as_ref());
    let definition = applied.as_ref().map(|applied| applied.definition.entries());
    shown.extend(object([
        ("policy", name(policy)),
        ("operator_policy", name(operator)),
        (
            "effective_policy_definition",
            definition.cloned().unwrap_or_default().into(),
        ),
    ]));
}

fn policy_name(policy: &Arc<ferrymq_broker::policy::Policy>) -> &str {
    &policy.name
}

/// The numbers of messages.
fn show_totals(counts: &Counts, shown: &mut Map<String, Value>) {
    shown.extend(object([
        ("messages", messages(counts).into()),
        ("messages_ready", counts.ready.into()),
        ("messages_unacknowledged", counts.unacked.into()),
    ]));
}

/// What else is counted.
fn show_numbers(queue: &SharedQueue, counts: &Counts, shown: &mut Map<String, Value>) {
    let (paged, resident_bytes) = queue.inspect(|queue| (queue.paged(), queue.resident_bytes()));
    shown.extend(object([
        ("consumers", counts.consumers.into()),
        ("memory", resident_bytes.into()),
        ("messages_paged_out", paged.into()),
        ("message_bytes_ready", counts.ready_bytes.into()),
    ]));
    if queue_type(queue) == QueueType::Classic {
        // Compat: the version of RabbitMQ's only file format for classic queues.
        shown.insert("storage_version".into(), 2.into());
    }
}

fn messages(counts: &Counts) -> usize {
    counts.ready + counts.unacked + counts.delayed + counts.dead_lettering + counts.held
}

fn queue_type(queue: &SharedQueue) -> QueueType {
    queue.declared.arguments.queue_type
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
