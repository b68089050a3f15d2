//! `vhosts`: all virtual hosts, and a form to add one.

use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::post;
use ferrymq_broker::queue::arguments::QueueType;
use serde_json::{Value, json};

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::form::{Form, Submission};
use super::format;
use super::page::{self, Page, Part};
use super::shell::Shell;
use super::table::{Badge, Bulk, Cell, Column, Kind, Preset, Sheet, Table};
use super::visit::Visit;

/// Users that a row names; of more only the number is told.
const MAX_USERS: usize = 4;

/// All virtual hosts.
pub(super) static SHEET: Sheet = Sheet {
    id: "vhosts",
    path: &["vhosts"],
    nouns: ("virtual host", "virtual hosts"),
    key: &["name"],
    bulk: &[Bulk::new("delete-vhost", "Delete")],
    command: "list_vhosts",
    one: Some(|key| Call::get(&["vhosts", key[0]])),
    fixed: |_| false,
    columns: &[
        Column::usual("name", "Name", Kind::Of(name)),
        Column::usual("description", "Description", Kind::Text),
        Column::of("tags", "Tags", Kind::Text, &[Preset::State]),
        Column::usual("users", "Users", Kind::Of(users)).about("Whom it is open to"),
        Column::usual("default_queue_type", "Default type", Kind::Text)
            .about("What queues are of when their clients ask for no type"),
        Column::usual("metadata", "State", Kind::Of(features)),
        Column::of(
            "object_totals.queues",
            "Queues",
            Kind::Number,
            &[Preset::State],
        ),
        Column::of(
            "object_totals.connections",
            "Connections",
            Kind::Number,
            &[Preset::State],
        ),
        Column::usual("messages_ready", "Ready", Kind::Number)
            .about("Messages that wait for a consumer"),
        Column::usual("messages_unacknowledged", "Unacked", Kind::Number)
            .about("Messages that consumers have, and have not acknowledged"),
        Column::usual("messages", "Total", Kind::Number),
        rate("message_stats.publish_details.rate", "In"),
        rate("message_stats.deliver_get_details.rate", "Out"),
        Column::of(
            "recv_oct_details.rate",
            "From clients",
            Kind::ByteRate,
            &[Preset::Rates],
        ),
        Column::of(
            "send_oct_details.rate",
            "To clients",
            Kind::ByteRate,
            &[Preset::Rates],
        ),
    ],
};

const fn rate(field: &'static str, title: &'static str) -> Column {
    Column::of(field, title, Kind::Rate, &[Preset::Usual, Preset::Rates])
}

/// What can be done to virtual hosts.
pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "delete-vhost",
        verb: "Delete",
        done: "deleted",
        destroys: true,
        to_queue: None,
        loss,
        ..action(|key| Call::delete(&["vhosts", key[0]]))
    },
    Action {
        name: "protect-vhost",
        verb: "Protect",
        done: "protected from deletion",
        ..action(|key| Call::post(&["vhosts", key[0], "deletion", "protection"]))
    },
    Action {
        name: "unprotect-vhost",
        verb: "End protection of",
        done: "no longer protected from deletion",
        ..action(|key| Call::delete(&["vhosts", key[0], "deletion", "protection"]))
    },
    Action {
        name: "trace-vhost",
        verb: "Trace",
        done: "traced: copies of its messages go to amq.rabbitmq.trace",
        ..action(|key| Call::put(&["vhosts", key[0]]).body(json!({ "tracing": true })))
    },
    Action {
        name: "untrace-vhost",
        verb: "Stop tracing",
        done: "no longer traced",
        ..action(|key| Call::put(&["vhosts", key[0]]).body(json!({ "tracing": false })))
    },
];

/// What all actions have in common: nothing is lost, unless they say so.
const fn action(call: fn(&[&str]) -> Call) -> Action {
    Action {
        name: "",
        verb: "",
        done: "",
        nouns: ("virtual host", "virtual hosts"),
        destroys: false,
        to_queue: None,
        list: &["vhosts"],
        key: &["name"],
        look: Some(|key| Call::get(&["vhosts", key[0]])),
        undo: None,
        loss: |_| String::new(),
        call,
    }
}

/// What goes with a virtual host.
fn loss(vhost: &Value) -> String {
    let totals = &vhost["object_totals"];
    format::several(&[
        (&totals["queues"], "queue", "queues"),
        (&vhost["messages"], "message", "messages"),
        (&totals["connections"], "connection", "connections"),
        (&totals["consumers"], "consumer", "consumers"),
    ])
}

/// The page.
#[derive(Template)]
#[template(path = "vhosts.html")]
pub(super) struct VHosts {
    shell: Shell,
    table: Table,
    may_add: bool,
    queue_types: [&'static str; 2],
}

impl Page for VHosts {
    const NAME: &'static str = "vhosts";
    const PERIOD: Duration = Duration::from_secs(2);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let may_add = visit.may_administer();
        Ok(Self {
            shell: Shell::new(visit, "Virtual hosts"),
            table: SHEET.load(visit).await?.actions_if(may_add),
            may_add,
            queue_types: queue_types(),
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

/// The page, and what its form does.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<VHosts>(router).route("/console/add-vhost", post(add))
}

/// `POST /console/add-vhost`
async fn add(submission: Submission) -> Response {
    let name = submission.form.text("name").to_owned();
    let call = addition(&submission, &name).await;
    let done = format!("Virtual host {name} added");
    submission.carry_out(call, done, of_vhost(&name)).await
}

async fn addition(submission: &Submission, name: &str) -> Result<Call, Problem> {
    require_new(&submission.visit, name).await?;
    Ok(Call::put(&["vhosts", name]).body(metadata(&submission.form)))
}

/// Adding a virtual host again would change it.
///
/// # Errors
/// 400 when there is one of this name, or it is none.
pub(super) async fn require_new(visit: &Visit, name: &str) -> Result<(), Problem> {
    if name.is_empty() {
        return Err(Problem::bad_request("A virtual host needs a name"));
    }
    match visit.get(&["vhosts", name]).await {
        Ok(_) => {
            let reason = format!("There is a virtual host {name} already");
            Err(Problem::bad_request(reason))
        }
        Err(_) => Ok(()),
    }
}

/// What a form says about a virtual host.
pub(super) fn metadata(form: &Form) -> Value {
    json!({
        "description": form.text("description"),
        "tags": form.text("tags"),
        "default_queue_type": form.text("default_queue_type"),
    })
}

/// The types that a form offers.
pub(super) fn queue_types() -> [&'static str; 2] {
    [QueueType::Classic, QueueType::Quorum].map(QueueType::as_str)
}

/// The page about a virtual host.
pub(super) fn of_vhost(name: &str) -> Address {
    Address::new("vhost").with("name", name)
}

fn name(row: &Value) -> Cell {
    let name = row["name"].as_str().unwrap_or_default();
    Cell::link(&of_vhost(name), name)
}

fn users(row: &Value) -> Cell {
    let users = row["users"].as_array().map_or(&[][..], Vec::as_slice);
    let names = users.iter().filter_map(Value::as_str).take(MAX_USERS);
    let mut names = names.collect::<Vec<_>>().join(", ");
    match users.len() {
        0 => Cell::Nothing,
        count => {
            if count > MAX_USERS {
                names += &format!(" and {} more", count - MAX_USERS);
            }
            Cell::Text(names)
        }
    }
}

/// What is special about a virtual host, one badge each.
pub(super) fn features(row: &Value) -> Cell {
    let mut badges = Vec::new();
    for (field, badge, about) in [
        (
            "tracing",
            "traced",
            "Copies of all its messages go to amq.rabbitmq.trace",
        ),
        (
            "protected_from_deletion",
            "protected",
            "It can't be deleted before its protection has ended",
        ),
    ] {
        if row[field] == true {
            badges.push(Badge::new(badge, about));
        }
    }
    match badges.is_empty() {
        true => Cell::Nothing,
        false => Cell::Badges(badges),
    }
}
