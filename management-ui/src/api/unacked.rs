//! `/api/queues/{vhost}/{name}/unacked…`, and the end of a consumer: what only a session knows or can do.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use ferrymq_broker::clients::{ClientConnection, Opened};
use ferrymq_broker::clock::{self, Timestamp};
use ferrymq_broker::queue::Queue;
use ferrymq_broker::session::requests::{Held, HeldDelivery};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::answer::{self, Answer};
use crate::api::queues;
use crate::auth::Caller;
use crate::body::Object;
use crate::http::Site;
use crate::http::path::Names;
use crate::query::Query;
use crate::refusal::Refusal;

const DEFAULT_DELIVERIES: usize = 100;
const MAX_DELIVERIES: usize = 1000;
/// A session whose client does not read may not come to answer.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// `GET /api/queues/{vhost}/{name}/unacked`
pub(crate) async fn list(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let limit = query.number("limit", DEFAULT_DELIVERIES, 1..=MAX_DELIVERIES)?;
    queues::find(&vhost, &name)?;
    let queue = vhost.readable_queue(&caller.actor(), &name)?;
    let total = queue.inspect(Queue::counts).unacked;
    let mut asked = JoinSet::new();
    if total > 0 {
        for connection in site.broker.clients().all() {
            let opened = connection.opened();
            if opened.is_none_or(|opened| opened.vhost != *vhost.name()) {
                continue;
            }
            let queue = queue.clone();
            asked.spawn(async move {
                let unacked = timeout(ANSWER_TIME, connection.unacked(&queue, limit)).await;
                (connection, unacked)
            });
        }
    }
    let now = clock::now();
    let (mut items, mut complete) = (Vec::new(), true);
    while let Some(answered) = asked.join_next().await {
        let Ok((connection, Ok(unacked))) = answered else {
            complete = false;
            continue;
        };
        let shown = unacked.iter().map(|held| item(&connection, held, now));
        items.extend(shown);
    }
    items.sort_by_key(|item: &Value| item["sequence"].as_u64());
    complete &= items.len() <= limit;
    items.truncate(limit);
    Ok(answer::json(
        json!({ "total": total, "complete": complete, "items": items }),
    ))
}

fn item(connection: &ClientConnection, held: &HeldDelivery, now: Timestamp) -> Value {
    let message = &held.entry.message;
    let name = connection.name();
    let opened = connection.opened();
    let user = opened.map(|opened| opened.user.name().to_owned());
    let mut shown = json!({
        "sequence": held.entry.sequence.0,
        "exchange": String::from_utf8_lossy(message.exchange()),
        "routing_key": String::from_utf8_lossy(message.routing_key()),
        "payload_bytes": message.body_len(),
        "persistent": message.is_persistent(),
        "redelivered": held.entry.returns() > 0,
        "delivery_count": held.entry.returns(),
        "consumer_tag": held.consumer_tag,
        "delivery_tag": held.delivery_tag,
        "channel_details": {
            "name": format!("{name} ({})", held.channel),
            "number": held.channel,
            "connection_name": name,
            "peer_host": connection.endpoints.peer.ip().to_string(),
            "peer_port": connection.endpoints.peer.port(),
            "user": user,
        },
        "age": held.sent_at.age(now).as_millis() as u64,
    });
    if let Some(given) = opened.and_then(Opened::connection_name) {
        shown["channel_details"]["user_provided_name"] = given.into();
    }
    shown
}

/// `POST /api/queues/{vhost}/{name}/unacked/requeue`: what a connection has goes back to its place.
pub(crate) async fn requeue(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    body: Object,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    queues::find(&vhost, &name)?;
    let queue = vhost.readable_queue(&caller.actor(), &name)?;
    body.require(&["connection"])?;
    let which = held(&body)?;
    let connection = body.text("connection")?.unwrap_or_default();
    let connection = cuttable(&caller, &site, vhost.name(), connection)?;
    let is_one = which.delivery_tag.is_some();
    let requeued = timeout(ANSWER_TIME, connection.requeue_unacked(&queue, which)).await;
    let requeued = requeued.map_err(|_| silent())?;
    if is_one && requeued == 0 {
        return Err(Refusal::not_found());
    }
    tracing::info!(
        user = caller.user.name(),
        vhost = &**vhost.name(),
        "user '{}' has returned {requeued} unacked messages of connection {} to queue '{}' in vhost '{}'",
        caller.user.name().escape_debug(),
        connection.name(),
        name.escape_debug(),
        vhost.name().escape_debug(),
    );
    Ok(answer::json(json!({ "requeued": requeued })))
}

/// Which deliveries of a connection a body names.
fn held(body: &Object) -> Result<Held, Refusal> {
    let number = |key| body.integer(key);
    let rule = |text: &str| Refusal::bad_request(text);
    let channel = number("channel")?.map(u16::try_from).transpose();
    let channel = channel.map_err(|_| rule("channel must be a number up to 65535"))?;
    let delivery_tag = number("delivery_tag")?.map(u64::try_from).transpose();
    let delivery_tag = delivery_tag.map_err(|_| rule("delivery_tag must be a number from 1 on"))?;
    let consumer_tag = body.text("consumer_tag")?.map(str::to_owned);
    if channel.is_none() && (delivery_tag.is_some() || consumer_tag.is_some()) {
        return Err(rule("delivery_tag and consumer_tag need a channel"));
    }
    Ok(Held {
        channel,
        consumer_tag,
        delivery_tag,
    })
}

/// A connection of a vhost whose consumers the caller may cut.
fn cuttable(
    caller: &Caller,
    site: &Site,
    vhost: &str,
    connection: &str,
) -> Result<Arc<ClientConnection>, Refusal> {
    let connection = site.broker.clients().find(connection);
    let connection = connection.ok_or_else(Refusal::not_found)?;
    let opened = connection.opened().ok_or_else(Refusal::not_found)?;
    if *opened.vhost != *vhost {
        return Err(Refusal::not_found());
    }
    if !caller.is_administrator() && opened.user.name() != caller.user.name() {
        return Err(Refusal::not_authorised("Access refused."));
    }
    Ok(connection)
}

/// The connection did not answer in time.
fn silent() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "timeout",
        "The connection does not answer, perhaps because its client does not read. It will do so when it can",
    )
}

/// `DELETE /api/consumers/{vhost}/{connection}/{channel}/{tag}`
pub(crate) async fn cancel_consumer(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, connection, channel, tag)): Names<(String, String, String, String)>,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let channel = channel.parse();
    let channel =
        channel.map_err(|_| Refusal::bad_request("the channel must be a number up to 65535"))?;
    let connection = cuttable(&caller, &site, vhost.name(), &connection)?;
    done(connection.cancel_consumer(channel, &tag)).await
}

/// What a connection has done of itself; whether there was something to do it to.
///
/// # Errors
/// 404 when there was not, 503 when the connection does not come to it.
pub(super) async fn done(asked: impl Future<Output = bool>) -> Answer {
    match timeout(ANSWER_TIME, asked).await {
        Ok(true) => Ok(answer::done()),
        Ok(false) => Err(Refusal::not_found()),
        Err(_) => Err(silent()),
    }
}
