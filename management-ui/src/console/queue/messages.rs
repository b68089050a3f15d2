//! `queue-messages`: the messages that wait in a queue, without taking them. Which ones, from which end and how far is the
//! state in the address; nothing changes while one reads.

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, HeaderValue};
use axum::response::Response;
use axum::routing::get;
use ferrymq_broker::auth::{Permission, ResourceKind};
use ferrymq_broker::clock;
use ferrymq_broker::jobs::RETRY_HEADER;
use serde_json::Value;

use super::{Head, of_queue};
use crate::console::Console;
use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::format;
use crate::console::page::{self, Page};
use crate::console::shell::Shell;
use crate::console::table::{self, Badge, Cell};
use crate::console::visit::Visit;

/// The page's name.
pub(super) const NAME: &str = "queue-messages";

/// Messages on a page, unless the address says otherwise.
const DEFAULT_LIMIT: u64 = 50;
/// What a page may have.
const LIMITS: [u64; 4] = [25, 50, 100, 250];
/// Bytes of each payload that are read for its preview,
const PREVIEW_BYTES: &str = "400";
/// and how many characters of it are shown.
const PREVIEW_CHARS: usize = 160;
/// Messages in a file,
const MAX_DOWNLOADED: &str = "1000";
/// and bytes of each payload in it.
const MAX_DOWNLOADED_BYTES: &str = "262144";

/// The page.
#[derive(Template)]
#[template(path = "queue/messages.html")]
pub(super) struct Messages {
    shell: Shell,
    head: Head,
    /// Why messages are not shown at all.
    barred: Option<&'static str>,
    /// What is wrong with the filter.
    problem: Option<String>,
    filter: String,
    from_tail: bool,
    limit: u64,
    rows: Vec<Row>,
    scanned: u64,
    total: u64,
    /// Where to go on.
    next: Option<String>,
    /// Is this the first page?
    is_first: bool,
    /// May messages be moved, copied and deleted?
    may_work: bool,
}

/// A message in the list.
struct Row {
    sequence: u64,
    position: u64,
    to: String,
    preview: String,
    is_binary: bool,
    routing_key: String,
    exchange: String,
    size: Cell,
    published: Cell,
    expires: Cell,
    marks: Cell,
}

impl Page for Messages {
    const NAME: &'static str = NAME;

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let address = &visit.address;
        let head = Head::load(visit).await?;
        let limit = address.get("limit").and_then(|text| text.parse().ok());
        let mut page = Self {
            shell: Shell::new(visit, head.name.clone()),
            barred: barred(visit, &head.vhost, &head.name),
            problem: None,
            filter: address.get("filter").unwrap_or_default().to_owned(),
            from_tail: address.get("from") == Some("tail"),
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            rows: Vec::new(),
            scanned: 0,
            total: 0,
            next: None,
            is_first: address.get("cursor").is_none(),
            may_work: head.may.read,
            head,
        };
        if page.barred.is_none() {
            page.look(visit).await?;
        }
        Ok(page)
    }
}

impl Messages {
    async fn look(&mut self, visit: &Visit) -> Result<(), Problem> {
        let mut look = self
            .head
            .call(&["browse"])
            .with("limit", &self.limit.to_string())
            .with("truncate", PREVIEW_BYTES);
        for name in ["filter", "from", "cursor"] {
            if let Some(value) = visit.address.get(name) {
                look = look.with(name, value);
            }
        }
        let found = match visit.call(look).await {
            Err(problem) if problem.status == StatusCode::BAD_REQUEST => {
                self.problem = Some(problem.reason);
                return Ok(());
            }
            found => found?,
        };
        let number = |field: &str| found[field].as_u64().unwrap_or_default();
        (self.scanned, self.total) = (number("scanned"), number("total"));
        let items = found["items"].as_array().into_iter().flatten();
        self.rows = items.map(|item| self.row(item)).collect();
        let next = found["cursor"].as_str();
        self.next = next.map(|cursor| visit.address.with("cursor", cursor).to_string());
        Ok(())
    }

    fn row(&self, item: &Value) -> Row {
        let number = |field: &str| item[field].as_u64().unwrap_or_default();
        let text = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
        let sequence = number("sequence");
        Row {
            sequence,
            position: number("position"),
            to: of_message(&self.head.vhost, &self.head.name, sequence).to_string(),
            preview: preview(item["payload"].as_str().unwrap_or_default()),
            is_binary: item["payload_encoding"] == "base64",
            routing_key: text("routing_key"),
            exchange: text("exchange"),
            size: table::bytes(item.get("payload_bytes")),
            published: published(item),
            expires: table::time(item.get("expires_at")),
            marks: Cell::Badges(marks(item)),
        }
    }

    /// The page's own address without where it is: from the start, or from the other end.
    fn start(&self, from: &str) -> String {
        let address = self.shell.address.without(&["cursor"]);
        match from {
            "tail" => address.with("from", "tail").to_string(),
            _ => address.without(&["from"]).to_string(),
        }
    }

    fn without_filter(&self) -> String {
        let address = self.shell.address.without(&["filter", "cursor"]);
        address.to_string()
    }

    /// What a form with another filter must bring along.
    fn kept(&self) -> impl Iterator<Item = &(String, String)> {
        self.shell.address.others(&["filter", "cursor"])
    }

    fn kept_but_limit(&self) -> impl Iterator<Item = &(String, String)> {
        self.shell.address.others(&["limit", "cursor"])
    }

    /// How many are shown.
    fn shown(&self) -> String {
        format::count(self.rows.len() as u64)
    }

    /// Where all messages that match are moved, copied, deleted: `task`.
    fn job(&self, task: &str) -> String {
        Address::new("start-job")
            .with("task", task)
            .with("vhost", &self.head.vhost)
            .with("source", &self.head.name)
            .with("filter", &self.filter)
            .with("back", &self.shell.address.to_string())
            .to_string()
    }
}

/// Why nobody is shown messages.
pub(in crate::console) fn browser_is_off(visit: &Visit) -> Option<&'static str> {
    let is_on = visit.console.site.broker.config().http.message_browser;
    (!is_on).then_some(
        "Messages are not shown: the setting http.message_browser is off. \
         An administrator can turn it on in the configuration.",
    )
}

/// Why the visitor is shown no messages of this queue.
pub(super) fn barred(visit: &Visit, vhost: &str, name: &str) -> Option<&'static str> {
    let may_read = visit.may(Permission::Read, ResourceKind::Queue, vhost, name);
    let rule = "To see the messages you need the permission to read this queue. \
                An administrator can give it to you.";
    browser_is_off(visit).or((!may_read).then_some(rule))
}

/// The page about a queue's messages.
pub(in crate::console) fn messages_of(vhost: &str, queue: &str) -> Address {
    of_queue(NAME, vhost, queue)
}

/// The page about a message.
pub(super) fn of_message(vhost: &str, queue: &str, sequence: u64) -> Address {
    let page = of_queue(super::message::NAME, vhost, queue);
    page.with("sequence", &sequence.to_string())
}

/// When it was published, if it says so.
pub(super) fn published(item: &Value) -> Cell {
    let age = item["age"].as_u64();
    age.map_or(Cell::Nothing, |age| {
        table::moment(clock::now().as_millis().saturating_sub(age))
    })
}

/// What is special about a message, one badge each.
pub(super) fn marks(item: &Value) -> Vec<Badge> {
    let mut marks = Vec::new();
    if item["persistent"] != true {
        let about = "Delivery mode 1: need not outlive a restart";
        marks.push(Badge::new("transient", about));
    }
    let priority = item["properties"]["priority"].as_u64().unwrap_or_default();
    if priority > 0 {
        marks.push(Badge::new(format!("priority {priority}"), "Its priority"));
    }
    let count = item["delivery_count"].as_u64().unwrap_or_default();
    if item["redelivered"] == true {
        let text = format!("redelivered {count}×");
        marks.push(Badge::new(text, "It was handed out before, and came back"));
    }
    if let Some(reason) = item["properties"]["headers"]["x-last-death-reason"].as_str() {
        marks.push(Badge::new(reason, "A dead letter: why it died last"));
    }
    if let Some(retries) = item["properties"]["headers"][RETRY_HEADER].as_u64() {
        let text = format!("retried {retries}×");
        marks.push(Badge::new(text, "It was sent back by hand so often"));
    }
    marks
}

/// The beginning of a payload, on one line.
fn preview(payload: &str) -> String {
    let line = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut shown: String = payload.chars().take(PREVIEW_CHARS).map(line).collect();
    if payload.chars().nth(PREVIEW_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// The page, and the file with messages.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::still::<Messages>(router).route("/console/messages-json", get(download))
}

/// `GET /console/messages-json?vhost=&source=&key=17&key=18`, or `filter=`: up to 1,000 messages as a file.
async fn download(visit: Visit) -> Response {
    let address = &visit.address;
    let text = |name: &str| address.get(name).unwrap_or_default();
    let selected: Vec<_> = address.all("key").collect();
    let all = selected.is_empty() || address.get("all").is_some();
    let look = Call::get(&["queues", text("vhost"), text("source"), "browse"])
        .with("truncate", MAX_DOWNLOADED_BYTES);
    let look = match all {
        true => look
            .with("filter", text("filter"))
            .with("limit", MAX_DOWNLOADED),
        false => look
            .with("filter", &format!("sequence:{}", selected.join(",")))
            .with("limit", &selected.len().to_string()),
    };
    let mut answer = visit.forward(look).await;
    let file = HeaderValue::from_static("attachment; filename=\"messages.json\"");
    if answer.status().is_success() {
        answer.headers_mut().insert(CONTENT_DISPOSITION, file);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_one_line() {
        assert_eq!(preview("a\n\tb"), "a  b");
        let long = preview(&"é".repeat(PREVIEW_CHARS + 1));
        assert_eq!(long.chars().count(), PREVIEW_CHARS + 1);
        assert!(long.ends_with('…'));
    }
}
