//! `message`: one message that waits in a queue, whole: its properties, how it died, its payload; and what can be done
//! with it.

mod compare;
mod deaths;
mod payload;
mod tree;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use serde_json::Value;

use super::Head;
use super::messages::{barred, marks, published};
use crate::console::Console;
use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::page::{self, Page};
use crate::console::publish::{self, Publishing};
use crate::console::shell::Shell;
use crate::console::table::{self, Cell};
use crate::console::visit::Visit;
use deaths::Death;
use payload::{Editable, Payload, Shown};

/// The page's name.
pub(super) const NAME: &str = "message";

/// Bytes of the payload that are shown.
const MAX_SHOWN_BYTES: usize = 256 * 1024;

/// The page.
#[derive(Template)]
#[template(path = "queue/message.html")]
pub(super) struct MessagePage {
    shell: Shell,
    head: Head,
    /// As the API answers it, with its payload in base64.
    message: Value,
    sequence: String,
    published: Cell,
    expires: Cell,
    size: Cell,
    marks: Cell,
    properties: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    deaths: Vec<Death>,
    payload: Payload,
    /// The form that publishes it again, edited.
    publishing: Option<Publishing>,
}

impl Page for MessagePage {
    const NAME: &'static str = NAME;

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let sequence = visit.required("sequence")?.to_owned();
        if let Some(reason) = barred(visit, &head.vhost, &head.name) {
            return Err(Problem::forbidden(reason));
        }
        let look = head
            .call(&["messages", &sequence])
            .with("encoding", "base64")
            .with("truncate", &MAX_SHOWN_BYTES.to_string());
        let message = visit.call(look).await.map_err(gone)?;
        let payload = Payload::new(&message, &visit.address);
        let mut shell = Shell::new(visit, format!("Message {sequence}"));
        if let Some(Editable { text, encoding }) = &payload.editable {
            let field = |name: &str| message[name].as_str().unwrap_or_default();
            let to = (field("exchange"), field("routing_key"));
            let properties = without_deaths(&message["properties"]);
            shell.fill(publish::filled(to, &properties, (text, encoding)));
        }
        Ok(Self {
            shell,
            published: published(&message),
            expires: table::time(message.get("expires_at")),
            size: table::bytes(message.get("payload_bytes")),
            marks: Cell::Badges(marks(&message)),
            properties: properties(&message["properties"]),
            headers: headers(&message["properties"]["headers"]),
            deaths: deaths::of(&head.vhost, &message["properties"]["headers"]),
            payload,
            publishing: Publishing::anywhere(visit, &head.vhost),
            sequence,
            head,
            message,
        })
    }
}

impl MessagePage {
    fn text(&self, field: &str) -> &str {
        self.message[field].as_str().unwrap_or_default()
    }

    fn number(&self, field: &str) -> Cell {
        table::number(self.message.get(field))
    }

    /// Where its payload is, to be kept as a file.
    fn download(&self) -> String {
        let address = self.head.to("message-payload");
        address.with("sequence", &self.sequence).to_string()
    }

    /// Where it alone is moved, copied, deleted: `task`.
    fn job(&self, task: &str) -> String {
        Address::new("start-job")
            .with("task", task)
            .with("vhost", &self.head.vhost)
            .with("source", &self.head.name)
            .with("key", &self.sequence)
            .with("back", &self.shell.address.to_string())
            .to_string()
    }
}

/// A message that is no longer there is no fault.
fn gone(problem: Problem) -> Problem {
    match problem.status {
        axum::http::StatusCode::NOT_FOUND => Problem::not_found(
            "This message no longer waits in the queue: a consumer has it, or it was acknowledged, moved, deleted, or has expired.",
        ),
        _ => problem,
    }
}

/// Without the headers that the broker adds to dead letters: they are no part of what was published.
fn without_deaths(properties: &Value) -> Value {
    let mut properties = properties.clone();
    if let Some(headers) = properties.get_mut("headers").and_then(Value::as_object_mut) {
        headers.retain(|name, _| !deaths::is_death_header(name));
    }
    properties
}

fn properties(properties: &Value) -> Vec<(String, String)> {
    let all = properties.as_object().into_iter().flatten();
    let shown = all.filter(|(name, _)| *name != "headers");
    let text = |(name, value): (&String, &Value)| {
        let value = match (name.as_str(), value) {
            ("delivery_mode", Value::Number(mode)) if mode.as_u64() == Some(2) => {
                "2 (persistent)".to_owned()
            }
            ("delivery_mode", mode) => format!("{mode} (transient)"),
            (_, Value::String(text)) => text.clone(),
            (_, value) => value.to_string(),
        };
        (name.replace('_', " "), value)
    };
    shown.map(text).collect()
}

/// Headers but for the history, which is told apart.
fn headers(headers: &Value) -> Vec<(String, String)> {
    let all = headers.as_object().into_iter().flatten();
    let shown = all.filter(|(name, _)| !deaths::is_death_header(name));
    let text = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        (name.clone(), value)
    };
    shown.map(text).collect()
}

/// The page, and its payload as a file.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::still::<compare::Compare>(page::still::<MessagePage>(router))
        .route("/console/message-payload", get(download))
}

/// `GET /console/message-payload?vhost=&name=&sequence=`
async fn download(visit: Visit) -> Response {
    let text = |name: &str| visit.address.get(name).unwrap_or_default();
    let names = [
        "queues",
        text("vhost"),
        text("name"),
        "messages",
        text("sequence"),
        "payload",
    ];
    visit.forward(Call::get(&names)).await
}
