//! `/api/consumers…`: who consumes from which queue.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ferrymq_broker::clients::{ClientChannel, ClientConsumer};
use ferrymq_broker::json;
use ferrymq_broker::queue::Queue;
use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::vhost::VHost;
use serde_json::{Value, json};

use super::connections::{self, ConnectionRow};
use crate::answer::Answer;
use crate::auth::Caller;
use crate::catalogue;
use crate::http::Site;
use crate::http::path::Names;
use crate::list::{Row, SortKey};
use crate::query::{Query, View};
use crate::refusal::Refusal;

/// What clients are told where a delivery may stay unacked for ever. Compat: they expect a number.
const UNLIMITED_MS: u64 = 1_800_000;

/// A consumer of a queue.
struct ConsumerRow {
    consumer: Arc<ClientConsumer>,
    queue: Arc<SharedQueue>,
    active: bool,
}

/// `GET /api/consumers`
pub(crate) async fn list(caller: Caller, State(site): State<Site>, query: Query) -> Answer {
    let found = of_vhosts(&caller, caller.vhosts());
    query.list(&site, found).await
}

/// `GET /api/consumers/{vhost}`
pub(crate) async fn list_in(
    caller: Caller,
    State(site): State<Site>,
    Names(vhost): Names<String>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let found = of_vhosts(&caller, vec![vhost]);
    query.list(&site, found).await
}

/// `GET /api/consumers/{vhost}/{connection}/{channel}/{tag}`
pub(crate) async fn get(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, connection, channel, tag)): Names<(String, String, String, String)>,
    query: Query,
) -> Result<Response, Refusal> {
    caller.vhost(&vhost)?;
    let connection = connections::find(&caller, &site, &connection)?;
    let channel = channel.parse().ok();
    let channel = channel.and_then(|number| connection.connection.channel(number));
    let channel = channel.ok_or_else(Refusal::not_found)?;
    let mut consumers = of_channel(&channel, &site).into_iter().filter(|consumer| {
        consumer["consumer_tag"] == *tag && consumer["queue"]["vhost"] == *vhost
    });
    let consumer = consumers.next().ok_or_else(Refusal::not_found)?;
    Ok(query.object(consumer))
}

/// Those that the caller sees, by queue.
fn of_vhosts(caller: &Caller, vhosts: Vec<Arc<VHost>>) -> Vec<ConsumerRow> {
    let seen = |consumer: &ClientConsumer| {
        let connection = consumer.channel().and_then(|channel| channel.connection());
        let row = connection.and_then(ConnectionRow::new);
        row.is_some_and(|row| caller.may_see_user(row.user()))
    };
    let mut found = Vec::new();
    for queue in catalogue::queues(vhosts).all() {
        let consumers = queue.inspect(Queue::consumers);
        let consumers = consumers.into_iter().filter(|(consumer, _)| seen(consumer));
        found.extend(consumers.map(|(consumer, active)| ConsumerRow {
            consumer,
            queue: Arc::clone(&queue),
            active,
        }));
    }
    found
}

/// Those of a queue.
pub(super) fn of_queue(queue: &SharedQueue, site: &Site) -> Vec<Value> {
    let consumers = queue.inspect(Queue::consumers);
    let consumers = consumers.iter();
    consumers
        .map(|(consumer, active)| render(consumer, queue, *active, site))
        .collect()
}

/// Those of a channel.
pub(super) fn of_channel(channel: &ClientChannel, site: &Site) -> Vec<Value> {
    let shown = |consumer: Arc<ClientConsumer>| {
        let vhost = site.broker.vhost(&consumer.vhost)?;
        let queue = vhost.snapshot().queues.get(&consumer.queue).cloned()?;
        let all = queue.inspect(Queue::consumers);
        let (_, active) = all.iter().find(|(one, _)| Arc::ptr_eq(one, &consumer))?;
        Some(render(&consumer, &queue, *active, site))
    };
    channel.consumers().into_iter().filter_map(shown).collect()
}

impl Row for ConsumerRow {
    /// Compat: a consumer has none.
    fn name(&self) -> Cow<'_, str> {
        format!("{} {}", self.consumer.tag, self.queue.name).into()
    }

    fn render(&self, site: &Site, _: &View) -> Value {
        render(&self.consumer, &self.queue, self.active, site)
    }

    fn sort_key(&self, _: &Site, field: &str) -> Option<SortKey> {
        Some(match field {
            "consumer_tag" => self.consumer.tag.as_str().into(),
            "queue.name" => self.queue.name.as_str().into(),
            "queue.vhost" => self.queue.vhost.as_ref().into(),
            "active" => self.active.into(),
            "exclusive" => self.consumer.exclusive.into(),
            "ack_required" => self.consumer.ack_required.into(),
            "prefetch_count" => self.consumer.prefetch.get().into(),
            _ => return None,
        })
    }
}

fn render(consumer: &ClientConsumer, queue: &SharedQueue, active: bool, site: &Site) -> Value {
    let single = queue.declared.arguments.single_active_consumer;
    let status = match (active, single) {
        (true, true) => "single_active",
        (true, false) => "up",
        (false, _) => "waiting",
    };
    let timeout_ms = match consumer.timeout_ms.get() {
        0 => UNLIMITED_MS,
        timeout_ms => timeout_ms,
    };
    let channel = consumer.channel();
    json!({
        "consumer_tag": consumer.tag,
        "active": active,
        "activity_status": status,
        "ack_required": consumer.ack_required,
        "prefetch_count": consumer.prefetch.get(),
        "exclusive": consumer.exclusive,
        "arguments": json::from_table(&consumer.arguments),
        "consumer_timeout": timeout_ms,
        "queue": {"name": queue.name.as_str(), "vhost": &*queue.vhost},
        "channel_details": channel.map_or_else(|| json!({}), |channel| channel_details(&channel, site)),
    })
}

/// Compat: an empty object while the channel closes.
pub(super) fn channel_details(channel: &ClientChannel, site: &Site) -> Value {
    let Some(connection) = channel.connection().and_then(ConnectionRow::new) else {
        return json!({});
    };
    let mut shown = connection.details();
    shown["connection_name"] = shown["name"].take();
    shown["name"] = channel.name().into();
    shown["number"] = channel.number.into();
    shown["node"] = site.node().into();
    shown["user"] = connection.user().into();
    shown
}
