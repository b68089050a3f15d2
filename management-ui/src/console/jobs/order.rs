//! `start-job`: what is to become of messages, of how many, and where they go. It says so in numbers before it begins.

use askama::Template;
use axum::response::Response;
use ferrymq_broker::auth::{Permission, ResourceKind};
use serde_json::{Map, Value, json};

use super::{counted, of_job};
use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::confirm::MAX_WITHOUT_TYPING;
use crate::console::form::{Form, Submission};
use crate::console::page::Page;
use crate::console::shell::Shell;
use crate::console::visit::Visit;

/// Queues that are proposed as targets.
const MAX_PROPOSED: &str = "500";
/// Messages that are looked for to say how many match.
const MAX_COUNTED: u64 = 1_000;

/// The page.
#[derive(Template)]
#[template(path = "jobs/order.html")]
pub(super) struct OrderPage {
    shell: Shell,
    /// `move`, `copy`, `redrive` or `purge`; empty: to be chosen.
    task: String,
    vhost: String,
    source: String,
    filter: String,
    /// The sequences of the messages that were selected, `17,18`.
    selected: String,
    /// How many messages it is about, for people; empty: nobody knows.
    count: String,
    /// What has to be typed before messages are deleted; empty: nothing.
    to_type: String,
    /// Queues that messages may go to.
    queues: Vec<String>,
    back: String,
}

impl Page for OrderPage {
    const NAME: &'static str = "start-job";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let address = &visit.address;
        let text = |name: &str| address.get(name).unwrap_or_default().to_owned();
        let (vhost, source) = (text("vhost"), text("source"));
        let selected = match address.get("all") {
            Some(_) => String::new(),
            None => address.all("key").collect::<Vec<_>>().join(","),
        };
        let filter = match selected.is_empty() {
            true => text("filter"),
            false => String::new(),
        };
        if let Some(reason) = barred(visit, &vhost, &source) {
            return Err(Problem::forbidden(reason));
        }
        let found = match source.is_empty() {
            true => Found::default(),
            false => Found::look(visit, &vhost, &source, &filter, &selected).await?,
        };
        let task = text("task");
        Ok(Self {
            shell: Shell::new(visit, title(&task)),
            count: found.text(),
            to_type: match task == "purge" && found.is_much() {
                true => source.clone(),
                false => String::new(),
            },
            queues: match vhost.is_empty() {
                true => Vec::new(),
                false => proposed(visit, &vhost).await?,
            },
            back: match visit.address.get("back") {
                Some(back) => Address::parse_whole(back).to_string(),
                None => "jobs".to_owned(),
            },
            task,
            vhost,
            source,
            filter,
            selected,
        })
    }
}

impl OrderPage {
    /// Is it, or may it become, this task?
    fn may_be(&self, task: &str) -> bool {
        self.task.is_empty() || self.task == task
    }
}

/// Why the visitor may order nothing: not at all, or not of this queue. What is not there is told by the API.
fn barred(visit: &Visit, vhost: &str, source: &str) -> Option<String> {
    if visit.is_read_only() {
        return Some("This console changes nothing: the setting http.read_only is on.".to_owned());
    }
    let may_read =
        source.is_empty() || visit.may(Permission::Read, ResourceKind::Queue, vhost, source);
    (!may_read).then(|| {
        format!(
            "To move, copy, retry or delete messages of {source} you need the permission to read this queue. \
             An administrator can give it to you."
        )
    })
}

fn title(task: &str) -> &'static str {
    match task {
        "move" => "Move messages",
        "copy" => "Copy messages",
        "redrive" => "Retry dead letters",
        "purge" => "Delete messages",
        _ => "Start a job",
    }
}

/// How many messages are concerned, as far as it was looked.
#[derive(Default)]
struct Found {
    messages: u64,
    /// So many were looked at, if there are more.
    looked_at: Option<u64>,
}

impl Found {
    async fn look(
        visit: &Visit,
        vhost: &str,
        source: &str,
        filter: &str,
        selected: &str,
    ) -> Result<Self, Problem> {
        if !selected.is_empty() {
            return Ok(Self {
                messages: selected.split(',').count() as u64,
                looked_at: None,
            });
        }
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        if filter.is_empty() {
            let queue = visit.get(&["queues", vhost, source]).await?;
            return Ok(Self {
                messages: number(&queue["messages_ready"]),
                looked_at: None,
            });
        }
        let look = Call::get(&["queues", vhost, source, "browse"])
            .with("filter", filter)
            .with("limit", &MAX_COUNTED.to_string())
            .with("truncate", "0");
        let found = visit.call(look).await?;
        Ok(Self {
            messages: number(&found["matched"]),
            looked_at: (!found["cursor"].is_null()).then(|| number(&found["scanned"])),
        })
    }

    /// So many are deleted only when the queue's name was typed.
    fn is_much(&self) -> bool {
        self.messages > MAX_WITHOUT_TYPING as u64
    }

    fn text(&self) -> String {
        let messages = counted(self.messages);
        match self.looked_at {
            None => messages,
            Some(looked_at) => format!("{messages} of the first {}, and more", counted(looked_at)),
        }
    }
}

/// Names of queues that messages may go to.
pub(in crate::console) async fn proposed(
    visit: &Visit,
    vhost: &str,
) -> Result<Vec<String>, Problem> {
    let list = Call::get(&["queues", vhost])
        .with("columns", "name")
        .with("disable_stats", "true")
        .with("page", "1")
        .with("page_size", MAX_PROPOSED);
    let found = visit.call(list).await?;
    let names = found["items"].as_array().into_iter().flatten();
    let names = names.filter_map(|queue| queue["name"].as_str());
    Ok(names.map(str::to_owned).collect())
}

/// `POST /console/start-job`
pub(super) async fn start(submission: Submission) -> Response {
    match begin(&submission).await {
        Ok((id, done)) => submission.finish(Ok(done), of_job(id)).await,
        Err(problem) => submission.refuse(problem).await,
    }
}

async fn begin(submission: &Submission) -> Result<(u64, String), Problem> {
    let Submission { visit, form, .. } = submission;
    let order = order(form)?;
    if form.text("task") == "purge" {
        confirmed(visit, form).await?;
    }
    let job = visit.call(Call::post(&["jobs"]).body(order)).await?;
    let id = job["id"].as_u64().unwrap_or_default();
    Ok((id, format!("Job {id} started")))
}

/// Was the queue's name typed, if so much is to be deleted?
async fn confirmed(visit: &Visit, form: &Form) -> Result<(), Problem> {
    let (vhost, source) = (form.text("vhost"), form.text("source"));
    let (filter, selected) = (form.text("filter"), form.text("selected"));
    let found = Found::look(visit, vhost, source, filter, selected).await?;
    match found.is_much() && form.text("typed") != source {
        true => Err(Problem::bad_request(format!(
            "This deletes {}: type {source} to go on",
            found.text()
        ))),
        false => Ok(()),
    }
}

/// The order that a form describes.
fn order(form: &Form) -> Result<Value, Problem> {
    let task = form.text("task");
    let mut order = Map::new();
    for (key, field) in [("vhost", "vhost"), ("source", "source"), ("task", "task")] {
        order.insert(key.to_owned(), form.text(field).into());
    }
    order.extend(which(form)?);
    if let Some(rate) = number(form, "rate")? {
        order.insert("rate".to_owned(), rate.into());
    }
    if let "move" | "copy" = task {
        order.insert("target".to_owned(), target(form)?);
        order.insert("mark_retry".to_owned(), form.is_ticked("mark_move").into());
    }
    if task == "redrive" {
        order.insert("origin".to_owned(), form.get("origin").into());
        for flag in ["mark_retry", "keep_history", "restore_expiration"] {
            order.insert(flag.to_owned(), form.is_ticked(flag).into());
        }
    }
    Ok(order.into())
}

/// Which messages: those that were selected, or those that a filter takes.
fn which(form: &Form) -> Result<Map<String, Value>, Problem> {
    let (filter, limit) = match form.get("selected") {
        Some(selected) => {
            let count = selected.split(',').count() as u64;
            (format!("sequence:{selected}"), Some(count))
        }
        None => (form.text("filter").to_owned(), number(form, "limit")?),
    };
    let mut which = Map::from_iter([("filter".to_owned(), filter.into())]);
    if let Some(limit) = limit {
        which.insert("limit".to_owned(), limit.into());
    }
    Ok(which)
}

fn target(form: &Form) -> Result<Value, Problem> {
    let name = form.text("target");
    match form.text("target_kind") {
        "exchange" => Ok(match form.get("routing_key") {
            Some(key) => json!({ "exchange": name, "routing_key": key }),
            None => json!({ "exchange": name }),
        }),
        _ if name.is_empty() => Err(Problem::bad_request("Where do the messages go?")),
        _ => Ok(json!({ "queue": name })),
    }
}

fn number(form: &Form, field: &str) -> Result<Option<u64>, Problem> {
    let number = form.get(field).map(|text| text.trim().parse::<u64>());
    let number = number.transpose();
    number.map_err(|_| Problem::bad_request(format!("{field} must be a number from 1 on")))
}
