//! Messages one by one: `…/publish` of an exchange, `…/get` of a queue.

use std::time::Duration;

use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ferrymq_broker::Properties;
use ferrymq_broker::actor::Actor;
use ferrymq_broker::browse::Mask;
use ferrymq_broker::message::BodyPieces;
use ferrymq_broker::queue::arguments::QueueType;
use ferrymq_broker::queue::shared::Work;
use ferrymq_broker::vhost::{Fate, Fetched, Outgoing, Published, VHost};
use serde_json::{Value, json};

use super::properties;
use crate::answer::{self, Answer};
use crate::auth::Caller;
use crate::body::Object;
use crate::http::Site;
use crate::http::path::{self, Names};
use crate::message;
use crate::refusal::Refusal;

/// How long a publisher waits for its confirm.
pub(crate) const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// `POST /api/exchanges/{vhost}/{name}/publish`
pub(crate) async fn publish(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, exchange)): Names<(String, String)>,
    body: Object,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    let exchange = path::exchange(&exchange);
    let published = site.work_in(&vhost, |work| {
        publish_one(&site, &vhost, &caller.actor(), exchange, &body, work)
    });
    let published = published?;
    // What the store can't take in time counts as refused, though it may still be written.
    let written = tokio::time::timeout(CONFIRM_TIMEOUT, site.committed(published.point));
    let written = written.await;
    written.map_err(|_| Refusal::bad_request("timeout: no confirm within 30 seconds"))??;
    Ok(answer::json(json!({ "routed": published.routed })))
}

/// Publishes one message, described by the object that `publish` takes. It is safe once the log has come to the
/// point that this gives; a batch waits for the last one.
///
/// # Errors
/// 400 for what the object lacks or can't hold, when a queue refuses the message, and during an alarm; 404 when
/// there is no such exchange; 401 without permission.
pub(crate) fn publish_one(
    site: &Site,
    vhost: &VHost,
    actor: &Actor,
    exchange: &str,
    message: &Object,
    work: &mut Work,
) -> Result<Published, Refusal> {
    message.require(&["properties", "routing_key", "payload", "payload_encoding"])?;
    let alarms = site.broker.alarms();
    if alarms.any() {
        return Err(Refusal::bad_request(format!("{alarms}: publishers wait")));
    }
    let routing_key = message.text("routing_key")?.unwrap_or_default();
    path::check_name("routing_key", routing_key)?;
    let payload = message.text("payload")?.unwrap_or_default();
    let body = match message.text("payload_encoding")? {
        Some("string") => payload.as_bytes().to_vec(),
        Some("base64") => decode_base64(payload)?,
        _ => {
            let reason = "payload_encoding must be \"string\" or \"base64\"";
            return Err(Refusal::bad_request(reason));
        }
    };
    let most = site.broker.config().max_message_bytes;
    if body.len() as u64 > most {
        return Err(Refusal::bad_request(format!(
            "payload has {} bytes, more than the {most} allowed",
            body.len()
        )));
    }
    if vhost.snapshot().topology.exchange(exchange).is_none() {
        return Err(Refusal::missing("exchange_not_found"));
    }
    let properties = properties::encode(&*message.object("properties")?)?;
    let outgoing = Outgoing {
        exchange,
        routing_key,
        properties: &properties,
        body,
    };
    let published = vhost.publish_one(actor, outgoing, work);
    let published = published.map_err(Refusal::of_messages)?;
    match published.refused {
        false => Ok(published),
        true => Err(Refusal::bad_request(
            "rejected Unable to publish message. Check queue limits.",
        )),
    }
}

/// Compat: broken over lines as some encoders do, it is accepted.
fn decode_base64(text: &str) -> Result<Vec<u8>, Refusal> {
    let plain: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let decoded = BASE64_STANDARD.decode(plain);
    decoded.map_err(|why| Refusal::bad_request(format!("payload is not base64: {why}")))
}

/// `POST /api/queues/{vhost}/{name}/get`
pub(crate) async fn get(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    body: Object,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    let order = Order::parse(&body)?;
    match vhost.snapshot().queues.get(name.as_str()) {
        None => return Err(Refusal::missing("queue_not_found")),
        Some(queue) if queue.declared.arguments.queue_type == QueueType::Stream => {
            let reason = "540 NOT_IMPLEMENTED - a stream can't be read with get";
            return Err(Refusal::bad_request(reason));
        }
        Some(_) => {}
    }
    // It may have to wait for the disk.
    let aside = site.clone();
    let fetch = move || {
        let fetched = site.work_in(&vhost, |work| {
            vhost.fetch(&caller.actor(), &name, order.count, order.fate, work)
        });
        let fetched = fetched.map_err(Refusal::of_messages)?;
        let config = site.broker.config();
        let mask = &config.http.masked_fields;
        let shown = fetched.iter().map(|fetched| order.show(fetched, mask));
        let shown: Value = shown.collect();
        Ok(answer::json(shown))
    };
    aside.aside(fetch).await?
}

/// What `get` asks for.
struct Order {
    count: usize,
    fate: Fate,
    base64: bool,
    /// Bytes of each payload.
    truncate: Option<usize>,
}

impl Order {
    fn parse(body: &Object) -> Result<Self, Refusal> {
        body.require(&["count", "encoding"])?;
        let natural = |key: &str| {
            let number = body.integer(key)?.map(usize::try_from);
            let number = number.transpose();
            number.map_err(|_| Refusal::bad_request(format!("{key} must not be negative")))
        };
        let base64 = match body.text("encoding")? {
            Some("auto") => false,
            Some("base64") => true,
            _ => {
                let reason = "encoding must be \"auto\" or \"base64\"";
                return Err(Refusal::bad_request(reason));
            }
        };
        Ok(Self {
            count: natural("count")?.unwrap_or_default(),
            fate: fate(body)?,
            base64,
            truncate: natural("truncate")?,
        })
    }

    fn show(&self, fetched: &Fetched, mask: &Mask) -> Value {
        let view = mask.view(&fetched.message);
        let message = &view.message;
        let text = |bytes| String::from_utf8_lossy(bytes);
        let properties = Properties::parse(message.properties()).ok();
        let properties = properties.map(|properties| properties::decode(&properties));
        let (payload, encoding) = self.payload(message.body());
        let mut shown = json!({
            "payload_bytes": message.body_len(),
            "redelivered": fetched.redelivered,
            "exchange": text(message.exchange()),
            "routing_key": text(message.routing_key()),
            "message_count": fetched.left,
            "properties": properties.unwrap_or_default(),
            "payload": payload,
            "payload_encoding": encoding,
        });
        message::tell_hidden(&mut shown, view.hidden);
        shown
    }

    fn payload(&self, body: BodyPieces<'_>) -> (String, &'static str) {
        let most = self.truncate.unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        let mut take = |piece: &[u8]| {
            let room = most - bytes.len();
            bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        };
        match body {
            BodyPieces::Small(piece) => take(piece),
            BodyPieces::Large(pieces) => pieces.iter().for_each(|piece| take(piece)),
        }
        if self.base64 {
            return (BASE64_STANDARD.encode(bytes), "base64");
        }
        match String::from_utf8(bytes) {
            Ok(text) => (text, "string"),
            Err(bytes) => (BASE64_STANDARD.encode(bytes.into_bytes()), "base64"),
        }
    }
}

/// Compat: old clients say `requeue` instead of `ackmode`.
fn fate(body: &Object) -> Result<Fate, Refusal> {
    match (body.text("ackmode")?, body.flag("requeue")?) {
        (Some("ack_requeue_true"), _) | (None, Some(true)) => Ok(Fate::Requeue),
        (Some("ack_requeue_false"), _) | (None, Some(false)) => Ok(Fate::Remove),
        (Some("reject_requeue_true"), _) => Ok(Fate::RejectAndRequeue),
        (Some("reject_requeue_false"), _) => Ok(Fate::Reject),
        (Some(_), _) => Err(Refusal::bad_request(
            "ackmode must be one of ack_requeue_true, ack_requeue_false, reject_requeue_true, \
             reject_requeue_false",
        )),
        (None, None) => {
            body.require(&["ackmode"])?;
            Err(Refusal::bad_request("ackmode must be a string"))
        }
    }
}
