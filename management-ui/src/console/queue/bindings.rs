//! `queue-bindings`: where its messages come from.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::{Head, of_queue};
use crate::console::Console;
use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::form::Submission;
use crate::console::page::{self, Page, Part};
use crate::console::queues::{Argument, argument};
use crate::console::shell::Shell;
use crate::console::table::{Cell, Column, Kind, Sheet, Table};
use crate::console::visit::Visit;

/// Exchanges that the form offers.
const MAX_OFFERED: &str = "500";
/// The form that the buttons in rows send.
const UNBIND: &str = "unbind-queue";

const SOURCE: Column = Column::usual("source", "From exchange", Kind::Of(source));
const ROUTING_KEY: Column = Column::usual("routing_key", "Routing key", Kind::Text);
const ARGUMENTS: Column = Column::usual("arguments", "Arguments", Kind::Of(arguments));
const BUTTON: Column = Column::usual("properties_key", "Action", Kind::Of(button));

/// The bindings to a queue, for who may change them.
pub(in crate::console) static SHEET: Sheet = sheet(&[SOURCE, ROUTING_KEY, ARGUMENTS, BUTTON]);
/// The same for who may not.
static FIXED: Sheet = sheet(&[SOURCE, ROUTING_KEY, ARGUMENTS]);

const fn sheet(columns: &'static [Column]) -> Sheet {
    Sheet {
        id: "queue-bindings",
        path: &["queues", "{vhost}", "{name}", "bindings"],
        nouns: ("binding", "bindings"),
        key: &["source", "properties_key"],
        bulk: &[],
        columns,
    }
}

/// What can be said to exchanges that look at more than the routing key.
const KNOWN: &[Argument] = &[
    argument(
        "x-match",
        "string",
        "Of a headers exchange: all, any, all-with-x or any-with-x",
    ),
    argument("x-filter", "string", "Of a headers exchange"),
];

/// The page.
#[derive(Template)]
#[template(path = "queue/bindings.html")]
pub(in crate::console) struct Bindings {
    shell: Shell,
    head: Head,
    table: Table,
    /// Exchanges that it could be bound to.
    exchanges: Vec<String>,
    known: &'static [Argument],
    undo: Option<Undo>,
}

/// A binding that was just taken away.
struct Undo {
    source: String,
    routing_key: String,
    /// Names and JSON.
    arguments: Vec<(String, String)>,
}

impl Page for Bindings {
    const NAME: &'static str = "queue-bindings";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let sheet = match head.may.write {
            true => &SHEET,
            false => &FIXED,
        };
        Ok(Self {
            shell: Shell::new(visit, head.name.clone()),
            table: sheet.load(visit).await?,
            exchanges: match head.may.write && !visit.is_live {
                true => exchanges(visit, &head.vhost).await?,
                false => Vec::new(),
            },
            known: KNOWN,
            undo: visit.address.get("unbound").and_then(Undo::parse),
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.head.parts();
        parts.extend(self.table.parts());
        parts
    }
}

impl Undo {
    /// From what a button of a row says: source, key, routing key, arguments.
    fn parse(text: &str) -> Option<Self> {
        let (source, _, routing_key, arguments) = parse(text)?;
        let arguments = arguments.as_object()?.iter();
        Some(Self {
            source,
            routing_key,
            arguments: arguments
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
        })
    }
}

fn parse(text: &str) -> Option<(String, String, String, Value)> {
    serde_json::from_str(text).ok()
}

async fn exchanges(visit: &Visit, vhost: &str) -> Result<Vec<String>, Problem> {
    let list = Call::get(&["exchanges", vhost])
        .with("page", "1")
        .with("page_size", MAX_OFFERED)
        .with("columns", "name");
    let found = visit.call(list).await?;
    let names = found["items"].as_array().into_iter().flatten();
    let names = names.filter_map(|exchange| exchange["name"].as_str());
    let named = names.filter(|name| !name.is_empty());
    Ok(named.map(str::to_owned).collect())
}

/// The page, and what its forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<Bindings>(router)
        .route("/console/bind-queue", post(bind))
        .route("/console/unbind-queue", post(unbind))
}

/// `POST /console/bind-queue`
async fn bind(submission: Submission) -> Response {
    let form = &submission.form;
    let (vhost, name) = (form.text("vhost"), form.text("name"));
    let (source, routing_key) = (form.text("source"), form.text("routing_key"));
    let call = form.table("arguments").map(|arguments| {
        let body = json!({ "routing_key": routing_key, "arguments": arguments });
        Call::post(&["bindings", vhost, "e", source, "q", name]).body(body)
    });
    let done = format!("Bound to {source}");
    let to = of_queue(Bindings::NAME, vhost, name);
    submission.carry_out(call, done, to).await
}

/// `POST /console/unbind-queue`
async fn unbind(submission: Submission) -> Response {
    let form = &submission.form;
    let (vhost, name) = (form.text("vhost"), form.text("name"));
    let binding = form.text("binding");
    let to = of_queue(Bindings::NAME, vhost, name).with("unbound", binding);
    let call = match parse(binding) {
        Some((source, key, ..)) => Ok(Call::delete(&[
            "bindings", vhost, "e", &source, "q", name, &key,
        ])),
        None => Err(Problem::bad_request(format!("{binding} is no binding"))),
    };
    submission.carry_out(call, "Unbound", to).await
}

fn source(row: &Value) -> Cell {
    let vhost = row["vhost"].as_str().unwrap_or_default();
    let exchange = Address::new("exchange").with("vhost", vhost);
    match row["source"].as_str().unwrap_or_default() {
        "" => Cell::link(&exchange.with("name", ""), "(default exchange)"),
        name => Cell::link(&exchange.with("name", name), name),
    }
}

fn arguments(row: &Value) -> Cell {
    super::arguments(&row["arguments"])
}

/// To take it away. The one with the default exchange stays.
fn button(row: &Value) -> Cell {
    if row["source"] == "" {
        return Cell::Nothing;
    }
    let fields = ["source", "properties_key", "routing_key", "arguments"];
    Cell::Button {
        form: UNBIND,
        name: "binding",
        value: Value::from_iter(fields.map(|field| row[field].clone())).to_string(),
        title: "Unbind",
    }
}
