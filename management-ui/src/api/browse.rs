//! `/api/queues/{vhost}/{name}/browse` and `…/messages/{sequence}`: looking without taking.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use ferrymq_broker::browse::{Browse, Browsed, Cursor, Direction, MAX_BODY_BYTES, MAX_MESSAGES};
use ferrymq_broker::clock;
use ferrymq_broker::error::Error;
use ferrymq_broker::vhost::VHost;
use serde_json::{Map, Value, json};

use crate::answer::{self, Answer};
use crate::api::queues;
use crate::auth::Caller;
use crate::http::Site;
use crate::http::path::Names;
use crate::message::{self, Encoding};
use crate::query::Query;
use crate::refusal::Refusal;

const DEFAULT_MESSAGES: usize = 50;
const DEFAULT_BODY_BYTES: usize = 4096;
/// One call looks no longer than this,
const MAX_TIME: Duration = Duration::from_secs(5);
/// and shows no more bytes of bodies.
const MAX_SHOWN_BYTES: usize = 16 << 20;

/// What a look has found.
#[derive(Default)]
struct Found {
    messages: Vec<Browsed>,
    scanned: usize,
    total: usize,
    next: Option<Cursor>,
}

/// `GET /api/queues/{vhost}/{name}/browse`
pub(crate) async fn list(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let wanted = wanted(&site, &query)?;
    let encoding = Encoding::of(&query)?;
    queues::find(&vhost, &name)?;
    note_look(&site, &caller, &vhost, &name)?;
    let actor = caller.actor();
    let found = site.aside(move || {
        let begun = clock::now();
        look(&wanted, |browse| {
            let now = clock::now();
            let late = now.since(begun) >= MAX_TIME;
            vhost
                .browse(&actor, &name, browse, now)
                .map(|page| (page, late))
        })
    });
    let found = found.await??;
    let items = found.messages.iter().map(|message| item(message, encoding));
    let items: Vec<Value> = items.collect();
    Ok(answer::json(json!({
        "scanned": found.scanned,
        "matched": items.len(),
        "total": found.total,
        "cursor": found.next.map(|cursor| cursor.to_string()),
        "items": items,
    })))
}

/// `GET /api/queues/{vhost}/{name}/messages/{sequence}`: one message, whole if nothing else is asked for.
pub(crate) async fn one(
    caller: Caller,
    State(site): State<Site>,
    Names(place): Names<(String, String, String)>,
    query: Query,
) -> Answer {
    let encoding = Encoding::of(&query)?;
    let body_bytes = query.number("truncate", usize::MAX, 0..=usize::MAX)?;
    let message = find(caller, &site, place, body_bytes).await?;
    let mut item = item(&message, encoding);
    if let Some(item) = item.as_object_mut() {
        item.remove("position");
    }
    Ok(query.object(item))
}

/// `GET /api/queues/{vhost}/{name}/messages/{sequence}/payload`: its bytes, to be kept as a file.
pub(crate) async fn payload(
    caller: Caller,
    State(site): State<Site>,
    Names(place): Names<(String, String, String)>,
) -> Result<Response, Refusal> {
    let message = find(caller, &site, place, usize::MAX).await?;
    let name = format!("attachment; filename=message-{}", message.sequence);
    let headers = [
        // Whatever the message says that it is: no browser is to show it as that.
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, message.body).into_response())
}

async fn find(
    caller: Caller,
    site: &Site,
    (vhost, name, sequence): (String, String, String),
    body_bytes: usize,
) -> Result<Browsed, Refusal> {
    let vhost = caller.vhost(&vhost)?;
    let sequence = sequence_of(&sequence)?;
    queues::find(&vhost, &name)?;
    note_look(site, &caller, &vhost, &name)?;
    let actor = caller.actor();
    let mask = site.broker.config().http.masked_fields.clone();
    let look = move || vhost.browse_one(&actor, &name, sequence, body_bytes, &mask, clock::now());
    site.aside(look).await??.ok_or_else(Refusal::not_found)
}

/// Messages of `name` are about to be shown: it is logged who looks.
///
/// # Errors
/// 400 when the settings forbid it.
pub(crate) fn note_look(
    site: &Site,
    caller: &Caller,
    vhost: &VHost,
    name: &str,
) -> Result<(), Refusal> {
    if !site.broker.config().http.message_browser {
        let reason = "http.message_browser is off: messages are not shown";
        return Err(Refusal::bad_request(reason));
    }
    tracing::info!(
        user = caller.user.name(),
        vhost = &**vhost.name(),
        "user '{}' looks at messages of '{}' in vhost '{}'",
        caller.user.name().escape_debug(),
        name.escape_debug(),
        vhost.name().escape_debug(),
    );
    Ok(())
}

/// The number of a message.
///
/// # Errors
/// 400 when it is none.
pub(crate) fn sequence_of(text: &str) -> Result<u64, Refusal> {
    let rule = || Refusal::bad_request("the sequence of a message must be a number");
    text.parse().map_err(|_| rule())
}

fn wanted(site: &Site, query: &Query) -> Result<Browse, Refusal> {
    let direction = match query.get("from") {
        None | Some("head") => Direction::Head,
        Some("tail") => Direction::Tail,
        Some(_) => return Err(Refusal::bad_request("from must be head or tail")),
    };
    let from = match query.get("cursor").filter(|cursor| !cursor.is_empty()) {
        None => direction.start(),
        Some(cursor) => cursor
            .parse()
            .map_err(|why| Refusal::bad_request(format!("cursor: {why}")))?,
    };
    let mask = site.broker.config().http.masked_fields.clone();
    Ok(Browse {
        from,
        limit: query.number("limit", DEFAULT_MESSAGES, 1..=MAX_MESSAGES)?,
        filter: query.message_filter(&mask)?,
        mask,
        body_offset: query.number("offset", 0, 0..=usize::MAX)?,
        body_bytes: query.number("truncate", DEFAULT_BODY_BYTES, 0..=MAX_BODY_BYTES)?,
        ..Browse::default()
    })
}

/// Looks page by page until there is enough; `page` gives a page, and whether it is time to end.
fn look(
    wanted: &Browse,
    mut page: impl FnMut(&Browse) -> Result<(ferrymq_broker::browse::Page, bool), Error>,
) -> Result<Found, Error> {
    let mut wanted = wanted.clone();
    let mut found = Found::default();
    let mut shown_bytes = 0;
    loop {
        let (page, late) = page(&wanted)?;
        found.scanned += page.scanned;
        found.total = page.total;
        found.next = page.next;
        wanted.limit -= page.messages.len();
        let bodies = page.messages.iter().map(|message| message.body.len());
        shown_bytes += bodies.sum::<usize>();
        found.messages.extend(page.messages);
        match page.next {
            Some(next) if wanted.limit > 0 && !late && shown_bytes < MAX_SHOWN_BYTES => {
                wanted.from = next;
            }
            _ => return Ok(found),
        }
    }
}

/// A message as it waits.
fn item(message: &Browsed, encoding: Encoding) -> Value {
    let properties = message::properties(message.properties().as_ref());
    let end = message.body_offset as u64 + message.body.len() as u64;
    let cut = message.body_len.saturating_sub(end);
    let (payload, payload_encoding) =
        encoding.payload(&message.body, message.body.len() as u64 + cut);
    let mut item = Map::new();
    for (name, value) in [
        ("position", message.number.into()),
        ("sequence", message.sequence.into()),
        ("exchange", message.exchange.as_str().into()),
        ("routing_key", message.routing_key.as_str().into()),
        ("properties", properties.into()),
        ("priority", message.priority.into()),
        ("persistent", message.persistent.into()),
        ("redelivered", message.redelivered.into()),
        ("delivery_count", message.returns.into()),
        (
            "expires_at",
            message.expires_at.map(|at| at.as_millis()).into(),
        ),
        ("age", message.age.map(|age| age.as_millis() as u64).into()),
        ("payload_bytes", message.body_len.into()),
        ("payload_offset", message.body_offset.into()),
        ("payload", payload.into()),
        ("payload_encoding", payload_encoding.into()),
    ] {
        item.insert(name.to_owned(), value);
    }
    let mut item = Value::Object(item);
    message::tell_hidden(&mut item, message.hidden);
    item
}
