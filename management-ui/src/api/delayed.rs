//! `…/delayed`: messages that are not ready yet, of a queue and of an exchange.

use std::sync::Arc;

use axum::extract::State;
use ferrymq_broker::Properties;
use ferrymq_broker::browse::Mask;
use ferrymq_broker::clock::{self, Timestamp};
use ferrymq_broker::queue::delayed::{Cursor, Listed};
use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::queue::{Queue, Sequence};
use ferrymq_broker::vhost::VHost;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::api::{browse, queues};
use crate::auth::Caller;
use crate::http::Site;
use crate::http::path::{self, Names};
use crate::message::{self, Encoding};
use crate::query::Query;
use crate::refusal::Refusal;

const DEFAULT_MESSAGES: usize = 100;
const MAX_MESSAGES: usize = 1000;
const DEFAULT_BODY_BYTES: usize = 4096;
const MAX_BODY_BYTES: usize = 256 * 1024;

type InVHost = Names<(String, String)>;
type Message = Names<(String, String, String)>;

/// Where messages wait, and whose they are.
struct Place {
    vhost: Arc<VHost>,
    /// `None`: the exchange delays nothing.
    queue: Option<Arc<SharedQueue>>,
}

impl Place {
    fn queue(caller: &Caller, vhost: &str, name: &str) -> Result<Self, Refusal> {
        let vhost = caller.vhost(vhost)?;
        queues::find(&vhost, name)?;
        let queue = Some(vhost.readable_queue(&caller.actor(), name)?);
        Ok(Self { vhost, queue })
    }

    fn exchange(caller: &Caller, vhost: &str, name: &str) -> Result<Self, Refusal> {
        let vhost = caller.vhost(vhost)?;
        let name = path::exchange(name);
        if vhost.snapshot().topology.exchange(name).is_none() {
            return Err(Refusal::not_found());
        }
        let queue = vhost.delayed_in_exchange(&caller.actor(), name)?;
        Ok(Self { vhost, queue })
    }
}

/// `GET /api/queues/{vhost}/{name}/delayed`
pub(crate) async fn of_queue(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): InVHost,
    query: Query,
) -> Answer {
    let place = Place::queue(&caller, &vhost, &name)?;
    browse::note_look(&site, &caller, &place.vhost, &name)?;
    list(&site, place, &query).await
}

/// `GET /api/exchanges/{vhost}/{name}/delayed`
pub(crate) async fn of_exchange(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): InVHost,
    query: Query,
) -> Answer {
    let place = Place::exchange(&caller, &vhost, &name)?;
    browse::note_look(&site, &caller, &place.vhost, &name)?;
    list(&site, place, &query).await
}

/// `DELETE /api/queues/{vhost}/{name}/delayed`: all of them.
pub(crate) async fn cancel_all_of_queue(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): InVHost,
) -> Answer {
    cancel_all(&site, &Place::queue(&caller, &vhost, &name)?)
}

/// `DELETE /api/exchanges/{vhost}/{name}/delayed`: all of them.
pub(crate) async fn cancel_all_of_exchange(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): InVHost,
) -> Answer {
    cancel_all(&site, &Place::exchange(&caller, &vhost, &name)?)
}

/// `DELETE /api/queues/{vhost}/{name}/delayed/{sequence}`
pub(crate) async fn cancel_of_queue(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name, sequence)): Message,
) -> Answer {
    cancel(&site, &Place::queue(&caller, &vhost, &name)?, &sequence)
}

/// `DELETE /api/exchanges/{vhost}/{name}/delayed/{sequence}`
pub(crate) async fn cancel_of_exchange(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name, sequence)): Message,
) -> Answer {
    cancel(&site, &Place::exchange(&caller, &vhost, &name)?, &sequence)
}

async fn list(site: &Site, place: Place, query: &Query) -> Answer {
    let count = query.number("limit", DEFAULT_MESSAGES, 1..=MAX_MESSAGES)?;
    let most_bytes = query.number("truncate", DEFAULT_BODY_BYTES, 0..=MAX_BODY_BYTES)?;
    let encoding = Encoding::of(query)?;
    let after = query.get("cursor").filter(|cursor| !cursor.is_empty());
    let after = after.map(parse_cursor).transpose()?;
    let Some(queue) = place.queue else {
        return Ok(answer::json(
            json!({ "total": 0, "cursor": null, "items": [] }),
        ));
    };
    let total = queue.inspect(Queue::counts).delayed;
    let listed = site.aside(move || {
        let listed = queue.delayed(after, count);
        listed.map_err(|why| ferrymq_broker::error::Error::Store(why.to_string()))
    });
    let listed = listed.await??;
    let last = listed.last().filter(|_| listed.len() == count);
    let cursor = last.map(|last| format!("{}.{}", last.due.as_millis(), last.sequence.0));
    let now = clock::now();
    let config = site.broker.config();
    let mask = &config.http.masked_fields;
    let items = listed
        .iter()
        .filter_map(|listed| item(listed, mask, most_bytes, encoding, now));
    let items: Vec<Value> = items.collect();
    Ok(answer::json(
        json!({ "total": total, "cursor": cursor, "items": items }),
    ))
}

fn parse_cursor(text: &str) -> Result<Cursor, Refusal> {
    let parsed = text.split_once('.').and_then(|(due, sequence)| {
        let due = Timestamp::from_millis(due.parse().ok()?);
        Some((due, Sequence(sequence.parse().ok()?)))
    });
    parsed.ok_or_else(|| Refusal::bad_request("cursor: not a cursor that a page gave"))
}

fn item(
    listed: &Listed,
    mask: &Mask,
    most_bytes: usize,
    encoding: Encoding,
    now: Timestamp,
) -> Option<Value> {
    let view = mask.view(listed.message.as_ref()?);
    let message = &view.message;
    let properties = Properties::parse(message.properties()).ok();
    let body = message.body_window(0, most_bytes);
    let (payload, payload_encoding) = encoding.payload(&body, message.body_len());
    let mut item = json!({
        "sequence": listed.sequence.0,
        "due": listed.due.as_millis(),
        "delay_left": listed.due.since(now).as_millis() as u64,
        "exchange": String::from_utf8_lossy(message.exchange()),
        "routing_key": String::from_utf8_lossy(message.routing_key()),
        "properties": message::properties(properties.as_ref()),
        "persistent": message.is_persistent(),
        "payload_bytes": message.body_len(),
        "payload": payload,
        "payload_encoding": payload_encoding,
    });
    message::tell_hidden(&mut item, view.hidden);
    Some(item)
}

fn cancel_all(site: &Site, place: &Place) -> Answer {
    if let Some(queue) = &place.queue {
        site.work_in(&place.vhost, |work| {
            queue.run(work, Queue::cancel_all_delayed)
        });
    }
    Ok(answer::done())
}

fn cancel(site: &Site, place: &Place, sequence: &str) -> Answer {
    let sequence = Sequence(browse::sequence_of(sequence)?);
    let queue = place.queue.as_ref().ok_or_else(Refusal::not_found)?;
    let was_there = site.work_in(&place.vhost, |work| {
        queue.run(work, |queue, effects| {
            queue.cancel_delayed(sequence, effects)
        })
    });
    match was_there {
        true => Ok(answer::done()),
        false => Err(Refusal::not_found()),
    }
}
