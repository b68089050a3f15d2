//! `/api/consumers…`: who consumes from which queue.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ferrymq_broker::clients::{ClientChannel, ClientConsumer};
use ferrymq_broker::json;
use ferrymq_broker::queue::Queue;
use ferrymq_broker::queue::consumers::Subscribed;
use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::vhost::VHost;
use serde_json::{Value, json};

use super::connections::{self, ConnectionRow};
use super::sorting::message_field;
use crate::answer::Answer;
use crate::auth::Caller;
use crate::catalogue;
use crate::http::Site;
use crate::http::path::Names;
use crate::list::{Row, SortKey};
use crate::query::{Query, Shown, View};
use crate::refusal::Refusal;
use crate::statistics::{Kinds, Numbers, OF_CONSUMERS, OF_NO_ACK_CONSUMERS, message_stats};

/// What clients are told where a delivery may stay unacked for ever. Compat: they expect a number.
const UNLIMITED_MS: u64 = 1_800_000;

/// A consumer of a queue.
struct ConsumerRow {
    subscribed: Subscribed,
    queue: Arc<SharedQueue>,
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
    let consumers = of_channel(&channel, &site, &query.view);
    let mut consumers = consumers.into_iter().filter(|consumer| {
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
        let consumers = consumers.into_iter().filter(|found| seen(&found.consumer));
        found.extend(consumers.map(|subscribed| ConsumerRow {
            subscribed,
            queue: Arc::clone(&queue),
        }));
    }
    found
}

/// Those of a queue.
pub(super) fn of_queue(queue: &SharedQueue, site: &Site, view: &View) -> Vec<Value> {
    let consumers = queue.inspect(Queue::consumers);
    let consumers = consumers.iter();
    consumers
        .map(|subscribed| render(subscribed, queue, site, view))
        .collect()
}

/// Those of a channel.
pub(super) fn of_channel(channel: &ClientChannel, site: &Site, view: &View) -> Vec<Value> {
    let shown = |consumer: Arc<ClientConsumer>| {
        let vhost = site.broker.vhost(&consumer.vhost)?;
        let queue = vhost.snapshot().queues.get(&consumer.queue).cloned()?;
        let all = queue.inspect(Queue::consumers);
        let found = all
            .iter()
            .find(|one| Arc::ptr_eq(&one.consumer, &consumer))?;
        Some(render(found, &queue, site, view))
    };
    channel.consumers().into_iter().filter_map(shown).collect()
}

impl Row for ConsumerRow {
    /// Compat: a consumer has none.
    fn name(&self) -> Cow<'_, str> {
        format!("{} {}", self.subscribed.consumer.tag, self.queue.name).into()
    }

    fn render(&self, site: &Site, view: &View) -> Value {
        render(&self.subscribed, &self.queue, site, view)
    }

    fn sort_key(&self, site: &Site, field: &str) -> Option<SortKey> {
        let consumer = &self.subscribed.consumer;
        if let Some(field) = field.strip_prefix("message_stats.") {
            return stats_key(consumer, site, field);
        }
        Some(match field {
            "consumer_tag" => consumer.tag.as_str().into(),
            "queue.name" => self.queue.name.as_str().into(),
            "queue.vhost" => self.queue.vhost.as_ref().into(),
            "active" => self.subscribed.is_active.into(),
            "exclusive" => consumer.exclusive.into(),
            "ack_required" => consumer.ack_required.into(),
            "prefetch_count" => consumer.prefetch.get().into(),
            "messages_unacknowledged" => u64::from(self.subscribed.unacked).into(),
            "slow" => is_slow(&self.subscribed, site).into(),
            _ => return None,
        })
    }
}

/// Does it have all that it may, and has neither got nor acked anything since the last interval began? Who has only just got
/// that much is not slow yet.
fn is_slow(subscribed: &Subscribed, site: &Site) -> bool {
    let Subscribed {
        consumer, unacked, ..
    } = subscribed;
    let statistics = site.broker.statistics();
    let prefetch = consumer.prefetch.get();
    let is_full = prefetch > 0 && u64::from(*unacked) >= prefetch;
    is_full && statistics.has_rates() && consumer.is_still(statistics.moments())
}

/// What is told of its messages.
fn kinds(consumer: &ClientConsumer) -> Kinds {
    match consumer.ack_required {
        true => OF_CONSUMERS,
        false => OF_NO_ACK_CONSUMERS,
    }
}

/// What it was sent and acked, and how long that took; `None` before anything happened.
fn stats(consumer: &ClientConsumer, site: &Site, view: &View) -> Option<Value> {
    let range = view.ranges.messages;
    let went = |fields: &[_], moments| consumer.history.details(fields, moments, range);
    // It may stand in a queue, whose fields are others.
    let numbers = Numbers::new(site, Shown::default());
    let mut stats = message_stats(numbers, &consumer.activity(), kinds(consumer), went)?;
    if consumer.ack_required && site.broker.statistics().has_rates() {
        stats.add_alone("ack_avg_time", mean_ack_time_ms(consumer, site));
    }
    Some(stats.into_map().into())
}

fn mean_ack_time_ms(consumer: &ClientConsumer, site: &Site) -> Option<f64> {
    consumer.mean_ack_time_ms(site.broker.statistics().moments())
}

/// A field of that.
fn stats_key(consumer: &ClientConsumer, site: &Site, field: &str) -> Option<SortKey> {
    let activity = consumer.activity();
    if activity.is_zero() {
        return Some(SortKey::Missing);
    }
    if field == "ack_avg_time" {
        let mean = mean_ack_time_ms(consumer, site);
        return Some(mean.map_or(SortKey::Missing, SortKey::Number));
    }
    message_field(site, kinds(consumer), &activity, &consumer.history, field)
}

fn render(subscribed: &Subscribed, queue: &SharedQueue, site: &Site, view: &View) -> Value {
    let Subscribed {
        consumer,
        is_active: active,
        unacked,
    } = subscribed;
    let single = queue.declared.arguments.single_active_consumer;
    let status = match (*active, single) {
        (true, true) => "single_active",
        (true, false) => "up",
        (false, _) => "waiting",
    };
    let timeout_ms = match consumer.timeout_ms.get() {
        0 => UNLIMITED_MS,
        timeout_ms => timeout_ms,
    };
    let channel = consumer.channel();
    let mut shown = json!({
        "consumer_tag": consumer.tag,
        "active": active,
        "activity_status": status,
        "ack_required": consumer.ack_required,
        "prefetch_count": consumer.prefetch.get(),
        "messages_unacknowledged": unacked,
        "slow": is_slow(subscribed, site),
        "exclusive": consumer.exclusive,
        "arguments": json::from_table(&consumer.arguments),
        "consumer_timeout": timeout_ms,
        "queue": {"name": queue.name.as_str(), "vhost": &*queue.vhost},
        "channel_details": channel.map_or_else(|| json!({}), |channel| channel_details(&channel, site)),
    });
    if !view.disable_stats
        && let Some(stats) = stats(consumer, site, view)
    {
        shown["message_stats"] = stats;
    }
    shown
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
