//! `queues`: all queues, and a form to declare one.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::post;
use ferrymq_broker::auth::Permission;
use serde_json::{Value, json};
use std::time::Duration;

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::filter;
use super::form::Submission;
use super::format;
use super::jobs::counted;
use super::overview::FirstMessage;
use super::page::{self, Page, Part};
use super::shell::Shell;
use super::table::{self, Badge, Bulk, Cell, Column, Kind, Preset, Sheet, Table};
use super::visit::Visit;

/// What takes longer to drain takes that long.
const MAX_DRAIN_SECONDS: f64 = 365.0 * 86_400.0;

/// All queues.
pub(crate) static SHEET: Sheet = Sheet {
    id: "queues",
    path: &["queues"],
    nouns: ("queue", "queues"),
    key: &["vhost", "name"],
    bulk: &[
        bulk("delete-queue", "Delete"),
        bulk("purge-queue", "Purge"),
        bulk("pause-queue", "Pause"),
        bulk("resume-queue", "Resume"),
        bulk("move-messages", "Move"),
        Bulk::on("policy-for", "set-policy", "Set policy"),
    ],
    command: "list_queues",
    one: Some(|key| Call::get(&["queues", key[0], key[1]])),
    fixed: |_| false,
    columns: &[
        Column::usual("name", "Name", Kind::Of(name)),
        Column::usual("vhost", "Virtual host", Kind::Text),
        Column::of("type", "Type", Kind::Text, &[Preset::State]),
        Column::usual("arguments", "Features", Kind::Of(features)),
        Column::of("policy", "Policy", Kind::Of(policy), &[Preset::State]),
        Column::of(
            "operator_policy",
            "Operator policy",
            Kind::Of(operator_policy),
            &[Preset::State],
        ),
        Column::of(
            "state",
            "State",
            Kind::Of(state),
            &[Preset::Usual, Preset::State],
        ),
        Column::of(
            "consumers",
            "Consumers",
            Kind::Number,
            &[Preset::Usual, Preset::State],
        ),
        Column::of(
            "consumer_capacity",
            "Capacity",
            Kind::NumberOf(capacity),
            &[Preset::State],
        )
        .about("How much of the time a consumer could have taken a message at once"),
        Column::usual("messages_ready", "Ready", Kind::Number)
            .about("Messages that wait for a consumer"),
        Column::usual("messages_unacknowledged", "Unacked", Kind::Number)
            .about("Messages that consumers have, and have not acknowledged"),
        Column::usual("messages", "Total", Kind::Number),
        Column::usual("messages_details", "10 min", Kind::Spark),
        Column::of(
            "messages_details.rate",
            "Growth",
            Kind::NumberOf(growth),
            &[Preset::Rates],
        )
        .about("How many messages more it holds each second"),
        Column::of(
            "messages_ready_details.rate",
            "Drains in",
            Kind::NumberOf(drains_in),
            &[Preset::Rates, Preset::State],
        )
        .about("When no message waits any more, if it goes on as now"),
        rate("message_stats.publish_details.rate", "In", true),
        rate("message_stats.deliver_get_details.rate", "Out", true),
        rate("message_stats.ack_details.rate", "Acks", true),
        rate("message_stats.redeliver_details.rate", "Redelivered", false),
        Column::of("memory", "Memory", Kind::Bytes, &[Preset::Memory]),
        Column::of("message_bytes", "Bytes", Kind::Bytes, &[Preset::Memory]),
        Column::of(
            "message_bytes_ready",
            "Ready bytes",
            Kind::Bytes,
            &[Preset::Memory],
        ),
        Column::of("messages_ram", "In memory", Kind::Number, &[Preset::Memory]),
        Column::of(
            "messages_paged_out",
            "On disk only",
            Kind::Number,
            &[Preset::Memory],
        ),
        Column::of(
            "messages_persistent",
            "Persistent",
            Kind::Number,
            &[Preset::Memory],
        ),
        Column::of(
            "messages_delayed",
            "Delayed",
            Kind::Number,
            &[Preset::State],
        ),
        Column::of(
            "head_message_timestamp",
            "Oldest",
            Kind::NumberOf(oldest),
            &[Preset::State],
        )
        .about("The timestamp that the oldest message came with"),
    ],
};

/// What columns read of a queue besides the fields that they are called by.
const READ_BESIDE: &[&str] = &[
    "type",
    "durable",
    "auto_delete",
    "exclusive",
    "effective_policy_definition",
    "policy",
    "consumers",
    "messages_ready",
];

const fn bulk(action: &'static str, title: &'static str) -> Bulk {
    Bulk::new(action, title)
}

const fn rate(field: &'static str, title: &'static str, usual: bool) -> Column {
    match usual {
        true => Column::of(field, title, Kind::Rate, &[Preset::Usual, Preset::Rates]),
        false => Column::of(field, title, Kind::Rate, &[Preset::Rates]),
    }
}

/// What can be done to queues.
pub(super) const ACTIONS: &[Action] = &[
    action("delete-queue", "Delete", "deleted", true, |key| {
        Call::delete(&["queues", key[0], key[1]])
    }),
    action("purge-queue", "Purge", "purged", true, |key| {
        Call::delete(&["queues", key[0], key[1], "contents"])
    }),
    action("pause-queue", "Pause", "paused", false, |key| {
        Call::put(&["queues", key[0], key[1], "pause"])
    }),
    action("resume-queue", "Resume", "resumed", false, |key| {
        Call::put(&["queues", key[0], key[1], "resume"])
    }),
    Action {
        loss: |queue| counted(queue["messages_ready"].as_u64().unwrap_or_default()),
        to_queue: Some(|order, target| order.with_field("target", json!({ "queue": target }))),
        ..action(
            "move-messages",
            "Move",
            "being emptied: see the jobs",
            false,
            |key| {
                let order = json!({ "vhost": key[0], "source": key[1], "task": "move" });
                Call::post(&["jobs"]).body(order)
            },
        )
    },
];

const fn action(
    name: &'static str,
    verb: &'static str,
    done: &'static str,
    destroys: bool,
    call: fn(&[&str]) -> Call,
) -> Action {
    Action {
        name,
        verb,
        done,
        nouns: ("queue", "queues"),
        destroys,
        to_queue: None,
        list: &["queues"],
        key: &["vhost", "name"],
        look: Some(|key| Call::get(&["queues", key[0], key[1]])),
        undo: None,
        loss,
        call,
    }
}

/// The page.
#[derive(Template)]
#[template(path = "queues.html")]
pub(super) struct Queues {
    shell: Shell,
    table: Table,
    first_message: Option<FirstMessage>,
    /// May the visitor declare queues at all?
    may_declare: bool,
    arguments: &'static [Argument],
}

/// An argument that a form offers.
pub(super) struct Argument {
    pub(super) name: &'static str,
    /// As `Form::table` reads it.
    pub(super) kind: &'static str,
    pub(super) about: &'static str,
}

pub(super) const fn argument(
    name: &'static str,
    kind: &'static str,
    about: &'static str,
) -> Argument {
    Argument { name, kind, about }
}

/// What queues can be declared with.
const ARGUMENTS: &[Argument] = &[
    argument(
        "x-message-ttl",
        "number",
        "Milliseconds that a message may wait",
    ),
    argument(
        "x-expires",
        "number",
        "Milliseconds without use after which the queue goes",
    ),
    argument("x-max-length", "number", "Messages that it may hold"),
    argument("x-max-length-bytes", "number", "Bytes that it may hold"),
    argument(
        "x-overflow",
        "string",
        "drop-head, reject-publish or reject-publish-dlx",
    ),
    argument(
        "x-dead-letter-exchange",
        "string",
        "Where messages go that it drops",
    ),
    argument(
        "x-dead-letter-routing-key",
        "string",
        "The routing key that they get",
    ),
    argument(
        "x-dead-letter-strategy",
        "string",
        "at-most-once or at-least-once",
    ),
    argument(
        "x-delivery-limit",
        "number",
        "How often a message may come back",
    ),
    argument(
        "x-max-priority",
        "number",
        "The highest priority, up to 255",
    ),
    argument(
        "x-single-active-consumer",
        "boolean",
        "One consumer at a time",
    ),
    argument(
        "x-consumer-timeout",
        "number",
        "Milliseconds to acknowledge in",
    ),
    argument(
        "x-queue-leader-locator",
        "string",
        "client-local or balanced",
    ),
];

impl Page for Queues {
    const NAME: &'static str = "queues";
    const PERIOD: Duration = Duration::from_secs(2);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let list = SHEET.list(&visit.address);
        let list = match visit.is_live {
            true => list.with("columns", &SHEET.fields(visit, READ_BESIDE)),
            false => list,
        };
        let table = SHEET.load_from(visit, list).await?;
        let table = table.actions_that(|action| {
            if action == "set-policy" {
                return visit.may_make_policies();
            }
            visit.may_anywhere(match action {
                "purge-queue" | "move-messages" => Permission::Read,
                _ => Permission::Configure,
            })
        });
        Ok(Self {
            shell: Shell::new(visit, "Queues"),
            first_message: table.is_empty().then(|| FirstMessage::new(visit)),
            table,
            may_declare: visit.may_anywhere(Permission::Configure),
            arguments: ARGUMENTS,
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

/// The page, and what its form does.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<Queues>(router).route("/console/declare-queue", post(declare))
}

/// `POST /console/declare-queue`
async fn declare(submission: Submission) -> Response {
    let form = &submission.form;
    let (vhost, name) = (form.text("vhost").to_owned(), form.text("name").to_owned());
    let call = declaration(&submission, &vhost, &name);
    let done = format!("Queue {name} declared");
    let to = of_queue(&vhost, &name);
    submission.carry_out(call, done, to).await
}

fn declaration(submission: &Submission, vhost: &str, name: &str) -> Result<Call, Problem> {
    let form = &submission.form;
    if name.is_empty() {
        return Err(Problem::bad_request("A queue needs a name"));
    }
    let mut arguments = form.table("arguments")?;
    if let Some(kind) = form.get("type") {
        arguments["x-queue-type"] = kind.into();
    }
    Ok(Call::put(&["queues", vhost, name]).body(json!({
        "durable": form.is_ticked("durable"),
        "auto_delete": form.is_ticked("auto_delete"),
        "arguments": arguments,
    })))
}

/// The page about a queue.
pub(super) fn of_queue(vhost: &str, name: &str) -> Address {
    Address::new("queue")
        .with("vhost", vhost)
        .with("name", name)
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

fn name(row: &Value) -> Cell {
    Cell::link(
        &of_queue(text(row, "vhost"), text(row, "name")),
        text(row, "name"),
    )
}

/// Where a policy is shown.
pub(super) fn of_policy(vhost: &str, policy: &str) -> Address {
    let policies = Address::new("policies").with("vhost", vhost);
    policies.with("filter", &filter::exactly("name", policy))
}

/// Where an operator policy is shown.
pub(super) fn of_operator_policy(vhost: &str, policy: &str) -> Address {
    of_policy(vhost, policy).with("of", "operator")
}

/// The policy that applies.
pub(super) fn policy(row: &Value) -> Cell {
    match row["policy"].as_str() {
        Some(policy) => Cell::link(&of_policy(text(row, "vhost"), policy), policy),
        None => Cell::Nothing,
    }
}

/// The operator policy that applies.
pub(super) fn operator_policy(row: &Value) -> Cell {
    match row["operator_policy"].as_str() {
        Some(policy) => Cell::link(&of_operator_policy(text(row, "vhost"), policy), policy),
        None => Cell::Nothing,
    }
}

pub(super) fn state(row: &Value) -> Cell {
    match text(row, "state") {
        "running" => Cell::state("good", "running"),
        state => Cell::state("busy", state),
    }
}

pub(super) fn capacity(row: &Value) -> Cell {
    match row["consumer_capacity"].as_f64() {
        Some(share) if row["consumers"].as_u64() > Some(0) => {
            Cell::Text(format!("{:.0} %", share * 100.0))
        }
        _ => Cell::Nothing,
    }
}

fn growth(row: &Value) -> Cell {
    match row["messages_details"]["rate"].as_f64() {
        Some(rate) if rate > 0.0 => Cell::Text(format!("+{}/s", format::rate(rate))),
        Some(rate) if rate < 0.0 => Cell::Text(format!("−{}/s", format::rate(-rate))),
        _ => Cell::Nothing,
    }
}

/// How long it takes until nothing waits, where fewer and fewer do.
fn drains_in(row: &Value) -> Cell {
    let ready = row["messages_ready"].as_f64().unwrap_or_default();
    let rate = row["messages_ready_details"]["rate"].as_f64();
    match rate {
        Some(rate) if rate < 0.0 && ready > 0.0 => {
            let left = Duration::from_secs_f64((ready / -rate).min(MAX_DRAIN_SECONDS));
            Cell::Text(format::span(left))
        }
        _ => Cell::Nothing,
    }
}

pub(super) fn oldest(row: &Value) -> Cell {
    let seconds = row["head_message_timestamp"].as_u64();
    seconds.map_or(Cell::Nothing, |seconds| table::moment(seconds * 1_000))
}

/// What is special about a queue, one badge each.
pub(super) fn features(row: &Value) -> Cell {
    let flag = |field: &str| row[field] == true;
    let mut badges = Vec::new();
    match text(row, "type") {
        "classic" | "" => {}
        kind => badges.push(Badge::new(kind, "The queue's type")),
    }
    for (holds, badge, about) in [
        (flag("durable"), "D", "Durable: outlives a restart"),
        (flag("auto_delete"), "AD", "Goes with its last consumer"),
        (flag("exclusive"), "Excl", "Belongs to one connection"),
    ] {
        if holds {
            badges.push(Badge::new(badge, about));
        }
    }
    let arguments = &row["arguments"];
    let policy = &row["effective_policy_definition"];
    for (argument, badge) in [
        ("x-message-ttl", "TTL"),
        ("x-expires", "Exp"),
        ("x-max-length", "Lim"),
        ("x-max-length-bytes", "Lim B"),
        ("x-dead-letter-exchange", "DLX"),
        ("x-max-priority", "Pri"),
        ("x-single-active-consumer", "SAC"),
        ("x-delivery-limit", "DL"),
    ] {
        let key = argument.trim_start_matches("x-");
        let value = match &arguments[argument] {
            Value::Null => &policy[key],
            own => own,
        };
        if !value.is_null() {
            badges.push(Badge::new(badge, format!("{key}: {value}")));
        }
    }
    if let Some(policy) = row["policy"].as_str() {
        let to = of_policy(text(row, "vhost"), policy);
        badges.push(Badge::new(policy, "The policy that applies").to(&to));
    }
    Cell::Badges(badges)
}

/// What goes with a queue's messages.
fn loss(queue: &Value) -> String {
    format::several(&[
        (&queue["messages"], "message", "messages"),
        (&queue["consumers"], "consumer", "consumers"),
    ])
}
