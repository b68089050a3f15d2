//! A queue as lists and answers show it.

use std::borrow::Cow;
use std::sync::Arc;

use ferrymq_broker::json;
use ferrymq_broker::policy::{Applied, Policy};
use ferrymq_broker::queue::arguments::QueueType;
use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::queue::{Counts, Queue};
use ferrymq_broker::stats::MessageField;
use ferrymq_broker::vhost::VHost;
use serde_json::{Value, json};

use super::numbers;
use crate::api::connections::ConnectionRow;
use crate::api::consumers;
use crate::api::flows::Flows;
use crate::api::sorting::{message_field, rate};
use crate::http::Site;
use crate::list::{Row, SortKey};
use crate::query::{Shown, View};
use crate::statistics::OF_QUEUES;

/// Fields that cost no look at anything that is counted.
const BASICS: [&str; 8] = [
    "name",
    "vhost",
    "type",
    "durable",
    "auto_delete",
    "exclusive",
    "arguments",
    "state",
];

impl Row for Arc<SharedQueue> {
    fn name(&self) -> Cow<'_, str> {
        self.name.as_str().into()
    }

    fn render(&self, site: &Site, view: &View) -> Value {
        let mut shown = Shown::new(view);
        show_basics(self, site, &mut shown);
        if view.is_within(&BASICS) {
            return shown.into_map().into();
        }
        show_policies(self, &mut shown);
        if !view.disable_stats {
            numbers::show(self, site, view, &mut shown);
        } else if view.queue_totals {
            let counts = self.inspect(Queue::counts);
            for (name, value) in totals(&counts) {
                shown.add(name, value);
            }
        }
        shown.into_map().into()
    }

    fn sort_key(&self, site: &Site, field: &str) -> Option<SortKey> {
        let counts = || self.inspect(Queue::counts);
        let rate = |fields| rate(site, &self.history, fields);
        if let Some(field) = field.strip_prefix("message_stats.") {
            let activity = self.inspect(|queue| *queue.activity());
            return message_field(site, OF_QUEUES, &activity, &self.history, field);
        }
        if let Some(name) = field.strip_prefix("arguments.") {
            return argument_key(self, name);
        }
        if let Some(name) = field.strip_prefix("effective_policy_definition.") {
            return policy_value_key(self, name);
        }
        Some(match field {
            "name" => self.name.as_str().into(),
            "vhost" => self.vhost.as_ref().into(),
            "type" => queue_type(self).as_str().into(),
            "durable" => self.declared.flags.durable.into(),
            "auto_delete" => self.declared.flags.auto_delete.into(),
            "exclusive" => self.owner.is_some().into(),
            "state" => state(self).into(),
            "policy" => policy_key(self, |applied| &applied.policy),
            "operator_policy" => policy_key(self, |applied| &applied.operator),
            "messages" => messages(&counts()).into(),
            "messages_ready" => counts().ready.into(),
            "messages_unacknowledged" => counts().unacked.into(),
            "messages_details.rate" => rate(&MessageField::HELD[..]),
            "messages_ready_details.rate" => rate(&[MessageField::Ready]),
            "messages_unacknowledged_details.rate" => rate(&[MessageField::Unacked]),
            "message_bytes" => {
                let counts = counts();
                (counts.ready_bytes + counts.unacked_bytes).into()
            }
            "message_bytes_ready" => counts().ready_bytes.into(),
            "message_bytes_unacknowledged" => counts().unacked_bytes.into(),
            "messages_delayed" => counts().delayed.into(),
            "consumers" => counts().consumers.into(),
            "consumer_capacity" | "consumer_utilisation" => SortKey::Number(self.capacity.get()),
            "memory" => numbers::memory_bytes(self.inspect(Queue::resident_bytes)).into(),
            _ => return None,
        })
    }
}

/// All of it, for an answer about it alone.
pub(super) fn render_alone(
    vhost: &VHost,
    queue: &Arc<SharedQueue>,
    site: &Site,
    view: &View,
) -> Value {
    let mut shown = queue.render(site, view);
    shown["consumer_details"] = consumers::of_queue(queue, site, view).into();
    let flows = Flows::new(site, view, &queue.vhost);
    shown["incoming"] = flows.entered_queue(vhost, queue);
    shown["deliveries"] = flows.left_queue(queue);
    shown
}

/// What is true of it whether anybody uses it or not.
fn show_basics(queue: &SharedQueue, site: &Site, shown: &mut Shown<'_>) {
    let flags = queue.declared.flags;
    let queue_type = queue_type(queue);
    let arguments = json::from_table(queue.declared.arguments.table());
    shown.extend([
        ("name", queue.name.as_str().into()),
        ("vhost", queue.vhost.as_ref().into()),
        ("type", queue_type.as_str().into()),
        ("durable", flags.durable.into()),
        ("auto_delete", flags.auto_delete.into()),
        ("exclusive", queue.owner.is_some().into()),
        ("arguments", arguments.into()),
        ("node", site.node().into()),
        ("state", state(queue).into()),
        ("internal", false.into()),
        ("internal_owner", false.into()),
    ]);
    if queue_type != QueueType::Classic {
        shown.add("leader", site.node());
        shown.add("members", json!([site.node()]));
        shown.add("online", json!([site.node()]));
    }
    if let Some(owner) = queue.owner {
        let connection = site.broker.clients().get(owner);
        let owner = connection.and_then(ConnectionRow::new);
        let details = owner.map_or_else(|| json!({}), |owner| owner.details());
        shown.add("owner_pid_details", details);
    }
}

/// Compat: null where no policy applies, not absent.
fn show_policies(queue: &SharedQueue, shown: &mut Shown<'_>) {
    let applied = queue.policies();
    let applied = applied.as_deref();
    let definition = applied.map(|applied| applied.definition.entries());
    shown.extend([
        (
            "policy",
            applied
                .and_then(|applied| policy_name(&applied.policy))
                .into(),
        ),
        (
            "operator_policy",
            applied
                .and_then(|applied| policy_name(&applied.operator))
                .into(),
        ),
        (
            "effective_policy_definition",
            definition.cloned().unwrap_or_default().into(),
        ),
    ]);
}

/// The numbers of messages.
fn totals(counts: &Counts) -> [(&'static str, usize); 3] {
    [
        ("messages", messages(counts)),
        ("messages_ready", counts.ready),
        ("messages_unacknowledged", counts.unacked),
    ]
}

fn messages(counts: &Counts) -> usize {
    counts.ready + counts.unacked
}

fn state(queue: &SharedQueue) -> &'static str {
    match queue.inspect(Queue::is_paused) {
        true => "paused",
        false => "running",
    }
}

/// An argument; `None`: it may be a path into one.
fn argument_key(queue: &SharedQueue, name: &str) -> Option<SortKey> {
    let mut arguments = queue.declared.arguments.table().into_iter();
    let found = arguments.find(|(found, _)| found.as_str() == name);
    match found {
        Some((_, value)) => Some(SortKey::of(Some(&json::from_amqp(value)))),
        None if name.contains('.') => None,
        None => Some(SortKey::Missing),
    }
}

/// What its policies ask for; `None`: it may be a path into that.
fn policy_value_key(queue: &SharedQueue, name: &str) -> Option<SortKey> {
    let applied = queue.policies();
    let applied = applied.as_deref();
    let found = applied.and_then(|applied| applied.definition.entries().get(name));
    match found {
        Some(value) => Some(SortKey::of(Some(value))),
        None if name.contains('.') => None,
        None => Some(SortKey::Missing),
    }
}

fn policy_key(queue: &SharedQueue, of: fn(&Applied) -> &Option<Arc<Policy>>) -> SortKey {
    let applied = queue.policies();
    let policy = applied.as_deref().map(of);
    policy.and_then(policy_name).into()
}

fn policy_name(policy: &Option<Arc<Policy>>) -> Option<&str> {
    policy.as_ref().map(|policy| &*policy.name)
}

pub(super) fn queue_type(queue: &SharedQueue) -> QueueType {
    queue.declared.arguments.queue_type
}
