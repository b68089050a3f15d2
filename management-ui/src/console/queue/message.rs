//! `message`: one message that waits in a queue, whole: its properties, how it died, its payload; and what can be done
//! with it.

mod compare;
mod deaths;
mod payload;
mod tree;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::Head;
use super::messages::{barred, marks, published};
use crate::console::Console;
use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::form::{Form, Submission};
use crate::console::page::{self, Page};
use crate::console::shell::Shell;
use crate::console::table::{self, Cell};
use crate::console::visit::Visit;
use deaths::Death;
use payload::{Payload, Shown};

/// The page's name.
pub(super) const NAME: &str = "message";

/// Bytes of the payload that are shown.
const MAX_SHOWN_BYTES: usize = 256 * 1024;
/// The form that publishes it again.
const FORM: &str = "publish-again";

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
    properties_to_edit: String,
    headers: Vec<(String, String)>,
    deaths: Vec<Death>,
    payload: Payload,
    may_publish: bool,
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
        Ok(Self {
            shell: Shell::new(visit, format!("Message {sequence}")),
            published: published(&message),
            expires: table::time(message.get("expires_at")),
            size: table::bytes(message.get("payload_bytes")),
            marks: Cell::Badges(marks(&message)),
            properties: properties(&message["properties"]),
            properties_to_edit: properties_to_edit(&message["properties"]),
            headers: headers(&message["properties"]["headers"]),
            deaths: deaths::of(&head.vhost, &message["properties"]["headers"]),
            payload: Payload::new(&message, &visit.address),
            may_publish: !visit.is_read_only(),
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

/// The properties as a form has them: what the broker adds to dead letters is no part.
fn properties_to_edit(properties: &Value) -> String {
    let mut properties = properties.clone();
    if let Some(headers) = properties.get_mut("headers").and_then(Value::as_object_mut) {
        headers.retain(|name, _| !deaths::is_death_header(name));
    }
    format!("{properties:#}")
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

/// The page, its payload as a file, and publishing it again.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::still::<compare::Compare>(page::still::<MessagePage>(router))
        .route("/console/message-payload", get(download))
        .route("/console/publish-again", post(publish_again))
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

/// `POST /console/publish-again`: a message as it was edited. The one that it was made of stays.
async fn publish_again(submission: Submission) -> Response {
    let to = Address::parse_whole(submission.form.text("from"));
    let published = match publication(&submission.form) {
        Ok(call) => submission.visit.call(call).await,
        Err(problem) => Err(problem),
    };
    let done = published.map(|answer| match answer["routed"] == true {
        true => "Published".to_owned(),
        false => "Published, but it reached no queue".to_owned(),
    });
    submission.finish(done, to).await
}

fn publication(form: &Form) -> Result<Call, Problem> {
    let properties = form.get("properties").unwrap_or("{}");
    let properties: Value = serde_json::from_str(properties)
        .map_err(|why| Problem::bad_request(format!("The properties are not JSON: {why}")))?;
    let exchange = form.get("exchange").unwrap_or("amq.default");
    let call = Call::post(&["exchanges", form.text("vhost"), exchange, "publish"]);
    Ok(call.body(json!({
        "routing_key": form.text("routing_key"),
        "properties": properties,
        "payload": form.text("payload"),
        "payload_encoding": form.get("payload_encoding").unwrap_or("string"),
    })))
}
