//! `exchanges`: all exchanges, and a form to declare one.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::post;
use ferrymq_broker::auth::Permission;
use ferrymq_broker::routing::ExchangeName;
use serde_json::{Value, json};
use std::time::Duration;

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::form::Submission;
use super::format;
use super::page::{self, Page, Part};
use super::queues::{self, Argument, argument};
use super::shell::Shell;
use super::table::{Badge, Bulk, Cell, Column, Kind, Preset, Sheet, Table};
use super::visit::Visit;

/// How paths of the API, and people, call the exchange without a name.
pub(super) const DEFAULT_EXCHANGE: &str = "amq.default";
const DEFAULT_TITLE: &str = "(AMQP default)";

/// All exchanges.
pub(super) static SHEET: Sheet = Sheet {
    id: "exchanges",
    path: &["exchanges"],
    nouns: ("exchange", "exchanges"),
    key: &["vhost", "name"],
    bulk: &[Bulk::new("delete-exchange", "Delete")],
    command: "list_exchanges",
    one: Some(|key| Call::get(&["exchanges", key[0], in_path(key[1])])),
    fixed: |exchange| is_predeclared(text(exchange, "name")),
    columns: &[
        Column::usual("name", "Name", Kind::Of(name)),
        Column::usual("vhost", "Virtual host", Kind::Text),
        Column::usual("type", "Type", Kind::Text),
        Column::usual("arguments", "Features", Kind::Of(features)),
        Column::of(
            "policy",
            "Policy",
            Kind::Of(queues::policy),
            &[Preset::State],
        ),
        Column::of(
            "alternate_exchange",
            "Alternate",
            Kind::Of(alternate),
            &[Preset::State],
        )
        .about("Where it sends what it can't route"),
        Column::of(
            "bindings_from",
            "Bindings",
            Kind::Number,
            &[Preset::Usual, Preset::State],
        )
        .about("How many bindings lead away from it"),
        Column::of(
            "bindings_to",
            "Bindings to it",
            Kind::Number,
            &[Preset::State],
        ),
        Column::of(
            "message_stats.publish_in_details.rate",
            "In",
            Kind::Rate,
            &[Preset::Usual, Preset::Rates],
        )
        .about("Messages published to it"),
        Column::of(
            "message_stats.publish_out_details.rate",
            "Out",
            Kind::Rate,
            &[Preset::Usual, Preset::Rates],
        )
        .about("Messages that it put into queues, counted once for each queue"),
        Column::of(
            "message_stats.unroutable_details.rate",
            "Unroutable",
            Kind::Rate,
            &[Preset::Usual, Preset::Rates],
        )
        .about("Messages that reached no queue: they were returned, or dropped"),
        Column::of(
            "message_stats.publish_in",
            "In, in all",
            Kind::Number,
            &[Preset::Rates],
        ),
        Column::of(
            "message_stats.publish_out",
            "Out, in all",
            Kind::Number,
            &[Preset::Rates],
        ),
        Column::of(
            "message_stats.unroutable",
            "Unroutable, in all",
            Kind::Number,
            &[Preset::Rates],
        ),
    ],
};

/// What can be done to exchanges.
pub(super) const ACTIONS: &[Action] = &[Action {
    name: "delete-exchange",
    verb: "Delete",
    done: "deleted",
    nouns: ("exchange", "exchanges"),
    destroys: true,
    to_queue: None,
    list: &["exchanges"],
    key: &["vhost", "name"],
    look: Some(|key| Call::get(&["exchanges", key[0], in_path(key[1])])),
    undo: None,
    loss,
    call: |key| Call::delete(&["exchanges", key[0], in_path(key[1])]),
}];

/// The page.
#[derive(Template)]
#[template(path = "exchanges.html")]
pub(super) struct Exchanges {
    shell: Shell,
    table: Table,
    /// May the visitor declare exchanges at all?
    may_declare: bool,
    /// Those that the API knows, with what each does.
    types: Vec<(String, String)>,
    arguments: &'static [Argument],
}

/// What exchanges can be declared with.
const ARGUMENTS: &[Argument] = &[
    argument(
        "alternate-exchange",
        "string",
        "Where messages go that no binding matches",
    ),
    argument(
        "x-delayed-type",
        "string",
        "x-delayed-message: how it routes when the delay is over",
    ),
    argument(
        "x-delayed-exchange",
        "boolean",
        "Messages with the header x-delay wait here",
    ),
    argument(
        "hash-header",
        "string",
        "x-consistent-hash: the header that is hashed",
    ),
    argument(
        "hash-property",
        "string",
        "x-consistent-hash: message_id, correlation_id or timestamp",
    ),
    argument(
        "x-recent-history-length",
        "number",
        "x-recent-history: messages that it remembers",
    ),
    argument(
        "x-message-deduplication",
        "boolean",
        "Messages that come twice are dropped",
    ),
    argument(
        "x-cache-size",
        "number",
        "Deduplication: values that it remembers",
    ),
    argument(
        "x-cache-ttl",
        "number",
        "Deduplication: for how many milliseconds",
    ),
    argument(
        "x-deduplication-header",
        "string",
        "Deduplication: the header that holds the value, or message-id",
    ),
];

impl Page for Exchanges {
    const NAME: &'static str = "exchanges";
    const PERIOD: Duration = Duration::from_secs(2);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let may_declare = visit.may_anywhere(Permission::Configure);
        Ok(Self {
            shell: Shell::new(visit, "Exchanges"),
            table: SHEET.load(visit).await?.actions_if(may_declare),
            may_declare,
            types: types(visit).await?,
            arguments: ARGUMENTS,
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

/// The types that there are.
async fn types(visit: &Visit) -> Result<Vec<(String, String)>, Problem> {
    let overview = Call::get(&["overview"]).with("columns", "exchange_types");
    let overview = visit.call(overview).await?;
    let types = overview["exchange_types"].as_array().into_iter().flatten();
    let own = |kind: &Value, field| text(kind, field).to_owned();
    Ok(types
        .map(|kind| (own(kind, "name"), own(kind, "description")))
        .collect())
}

/// The page, and what its form does.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<Exchanges>(router).route("/console/declare-exchange", post(declare))
}

/// `POST /console/declare-exchange`
async fn declare(submission: Submission) -> Response {
    let form = &submission.form;
    let (vhost, name) = (form.text("vhost").to_owned(), form.text("name").to_owned());
    let call = declaration(&submission, &vhost, &name);
    let done = format!("Exchange {name} declared");
    let to = of_exchange(&vhost, &name);
    submission.carry_out(call, done, to).await
}

fn declaration(submission: &Submission, vhost: &str, name: &str) -> Result<Call, Problem> {
    let form = &submission.form;
    if name.is_empty() {
        return Err(Problem::bad_request("An exchange needs a name"));
    }
    Ok(Call::put(&["exchanges", vhost, name]).body(json!({
        "type": form.text("type"),
        "durable": form.is_ticked("durable"),
        "auto_delete": form.is_ticked("auto_delete"),
        "internal": form.is_ticked("internal"),
        "arguments": form.table("arguments")?,
    })))
}

/// The page about an exchange; the default one has no name.
pub(super) fn of_exchange(vhost: &str, name: &str) -> Address {
    let address = Address::new("exchange").with("vhost", vhost);
    match name {
        "" => address,
        name => address.with("name", name),
    }
}

/// What stands for an exchange in a path of the API.
pub(super) fn in_path(name: &str) -> &str {
    match name {
        "" => DEFAULT_EXCHANGE,
        name => name,
    }
}

/// What people call an exchange.
pub(super) fn title(name: &str) -> &str {
    match name {
        "" => DEFAULT_TITLE,
        name => name,
    }
}

/// The way to an exchange's page.
pub(super) fn link(vhost: &str, name: &str) -> Cell {
    Cell::link(&of_exchange(vhost, name), title(name))
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

fn name(row: &Value) -> Cell {
    link(text(row, "vhost"), text(row, "name"))
}

/// Where an exchange sends what it can't route.
pub(super) fn alternate(row: &Value) -> Cell {
    match row["alternate_exchange"].as_str() {
        Some(alternate) => link(text(row, "vhost"), alternate),
        None => Cell::Nothing,
    }
}

/// What is special about an exchange, one badge each.
pub(super) fn features(row: &Value) -> Cell {
    let mut badges = Vec::new();
    for (field, badge, about) in [
        ("durable", "D", "Durable: outlives a restart"),
        ("auto_delete", "AD", "Goes with its last binding"),
        ("internal", "I", "Internal: clients can't publish to it"),
    ] {
        if row[field] == true {
            badges.push(Badge::new(badge, about));
        }
    }
    let arguments = row["arguments"].as_object().into_iter().flatten();
    for (argument, value) in arguments {
        let badge = match argument.as_str() {
            "alternate-exchange" => "AE",
            "x-delayed-type" | "x-delayed-exchange" => "Delay",
            "x-message-deduplication" => "Dedup",
            _ => "Args",
        };
        badges.push(Badge::new(badge, format!("{argument}: {value}")));
    }
    if let Some(policy) = row["policy"].as_str() {
        let to = queues::of_policy(text(row, "vhost"), policy);
        badges.push(Badge::new(policy, "The policy that applies").to(&to));
    }
    Cell::Badges(badges)
}

/// What goes with an exchange.
fn loss(exchange: &Value) -> String {
    let number = |field: &str| exchange[field].as_u64().unwrap_or_default();
    match number("bindings_from") + number("bindings_to") {
        0 => String::new(),
        1 => "1 binding".to_owned(),
        count => format!("{} bindings", format::count(count)),
    }
}

/// Is it one that every virtual host has? Nobody deletes those.
pub(super) fn is_predeclared(name: &str) -> bool {
    name.is_empty() || ExchangeName::from(name).is_reserved()
}
