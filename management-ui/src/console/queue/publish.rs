//! `queue-publish`: puts messages into the queue, and takes some out.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::Head;
use crate::console::Console;
use crate::console::client::{Call, Problem};
use crate::console::form::Submission;
use crate::console::format;
use crate::console::page::{self, Page, Part};
use crate::console::payload::Payload;
use crate::console::publish::Publishing;
use crate::console::shell::Shell;
use crate::console::visit::Visit;

/// What becomes of fetched messages: the API's word, and what it means.
const ACK_MODES: &[(&str, &str)] = &[
    (
        "ack_requeue_true",
        "Put back: they stay, marked as redelivered",
    ),
    ("ack_requeue_false", "Remove: they are gone from the queue"),
    (
        "reject_requeue_true",
        "Reject and put back: counts as a failed delivery",
    ),
    (
        "reject_requeue_false",
        "Reject: dead-lettered, or gone if there is no dead-letter exchange",
    ),
];

/// The page.
#[derive(Template)]
#[template(path = "queue/publish.html")]
pub(in crate::console) struct PublishAndGet {
    shell: Shell,
    head: Head,
    publishing: Option<Publishing>,
    ack_modes: &'static [(&'static str, &'static str)],
    /// What was just fetched.
    fetched: Option<Vec<Fetched>>,
}

/// A message that was taken out of the queue, or looked at.
struct Fetched {
    exchange: String,
    routing_key: String,
    redelivered: bool,
    /// Names and values, headers among them.
    properties: Vec<(String, String)>,
    payload: Payload,
    size: String,
    /// Messages that the queue had left behind it.
    left: u64,
}

impl Page for PublishAndGet {
    const NAME: &'static str = "queue-publish";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        Ok(Self {
            shell: Shell::new(visit, head.name.clone()),
            publishing: Publishing::new(visit, &head.vhost, "", Some(&head.name)),
            ack_modes: ACK_MODES,
            fetched: None,
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.head.parts()
    }
}

/// The page, and what its forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<PublishAndGet>(router).route("/console/queue-publish", post(get))
}

/// `POST /console/queue-publish?vhost=…&name=…`: the page with the messages that were fetched.
async fn get(submission: Submission) -> Response {
    match fetch(&submission).await {
        Ok(page) => page::html(&page),
        Err(problem) => submission.refuse(problem).await,
    }
}

async fn fetch(submission: &Submission) -> Result<PublishAndGet, Problem> {
    let Submission { visit, form, .. } = submission;
    let number = |name: &str| {
        let text = form.get(name).unwrap_or("1").trim();
        let number: Option<u64> = text.parse().ok();
        number.ok_or_else(|| Problem::bad_request(format!("{name}: '{text}' is not a number")))
    };
    let (vhost, name) = (visit.required("vhost")?, visit.required("name")?);
    let call = Call::post(&["queues", vhost, name, "get"]).body(json!({
        "count": number("count")?,
        "truncate": number("truncate")?,
        "ackmode": form.text("ackmode"),
        "encoding": form.get("encoding").unwrap_or("auto"),
    }));
    let answer = visit.call(call).await?;
    let messages = answer.as_array().into_iter().flatten();
    let messages = messages.map(Fetched::new).collect();
    Ok(PublishAndGet {
        fetched: Some(messages),
        ..PublishAndGet::load(visit).await?
    })
}

impl Fetched {
    fn new(message: &Value) -> Self {
        let text = |field: &str| message[field].as_str().unwrap_or_default();
        let number = |field: &str| message[field].as_u64().unwrap_or_default();
        let properties = message["properties"].as_object().into_iter().flatten();
        let (headers, properties): (Vec<_>, Vec<_>) =
            properties.partition(|(name, _)| *name == "headers");
        let headers = headers
            .into_iter()
            .filter_map(|(_, headers)| headers.as_object());
        let headers = headers
            .flatten()
            .map(|(name, value)| (format!("header {name}"), shown(value)));
        let properties = properties.into_iter();
        let properties = properties.map(|(name, value)| (name.replace('_', " "), shown(value)));
        Self {
            exchange: text("exchange").to_owned(),
            routing_key: text("routing_key").to_owned(),
            redelivered: message["redelivered"] == true,
            properties: properties.chain(headers).collect(),
            payload: Payload::new(text("payload"), text("payload_encoding")),
            size: format::bytes(number("payload_bytes") as f64),
            left: number("message_count"),
        }
    }
}

fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
