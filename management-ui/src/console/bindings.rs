//! `bindings`: all bindings; what makes and removes them, also on other pages.

mod forms;
mod shown;

use askama::Template;
use axum::Router;
use axum::routing::post;
use ferrymq_broker::auth::Permission;
use serde_json::Value;
use std::time::Duration;

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::exchanges::{self, in_path};
use super::filter;
use super::page::{self, Page, Part};
use super::queue;
use super::queues;
use super::shell::Shell;
use super::table::{self, Bulk, Cell, Column, Kind, Sheet, Table};
use super::undo::Undoing;
use super::visit::Visit;

pub(super) use forms::{Ends, form, unbind_form};
pub(super) use shown::{Bindings, End};

/// What tells a binding from all others.
const KEY: &[&str] = &[
    "vhost",
    "source",
    "destination_type",
    "destination",
    "properties_key",
];

/// All bindings.
pub(super) static SHEET: Sheet = Sheet {
    id: "bindings",
    path: &["bindings"],
    nouns: ("binding", "bindings"),
    key: KEY,
    bulk: &[Bulk::new("delete-binding", "Unbind")],
    command: "list_bindings",
    // Queues are bound to the default exchange for ever.
    one: Some(|key| Call::get(&path(key))),
    fixed: |binding| binding["source"] == "",
    columns: &[
        Column::usual("source", "From exchange", Kind::Of(source)),
        Column::usual("routing_key", "Routing key", Kind::Text),
        Column::usual("arguments", "Arguments", Kind::Of(arguments)),
        Column::usual("destination", "To", Kind::Of(destination)),
        Column::usual("destination_type", "Which is", Kind::Text).about("A queue or an exchange"),
        Column::usual("vhost", "Virtual host", Kind::Text),
    ],
};

/// What can be done to bindings.
pub(super) const ACTIONS: &[Action] = &[Action {
    name: "delete-binding",
    verb: "Unbind",
    done: "removed",
    nouns: ("binding", "bindings"),
    destroys: true,
    to_queue: None,
    list: &["bindings"],
    key: KEY,
    look: None,
    loss: |_| String::new(),
    call: |key| Call::delete(&path(key)),
    undo: Some(Undoing {
        look: |key| Call::get(&path(key)),
        call: |_, binding| forms::bring_back(binding),
        done: "brought back",
    }),
}];

/// The page.
#[derive(Template)]
#[template(path = "bindings.html")]
pub(super) struct AllBindings {
    shell: Shell,
    table: Table,
    bind: String,
    orphans: Vec<Orphans>,
}

/// Exchanges or queues that lack something.
struct Orphans {
    title: &'static str,
    /// Where they are listed.
    to: Address,
    /// How many there are.
    count: Cell,
}

/// What can be lacking: what is told, the list, and its filter.
const LACKING: [(&str, &str, &str); 3] = [
    // Those that are always there are nobody's fault.
    (
        "Exchanges without bindings",
        "exchanges",
        "bindings_from:0 -/^(amq\\.|$)/",
    ),
    ("Queues without consumers", "queues", "consumers:0"),
    (
        "Queues that got nothing since the start",
        "queues",
        "-message_stats.publish:>0",
    ),
];

impl Page for AllBindings {
    const NAME: &'static str = "bindings";
    const PERIOD: Duration = Duration::from_secs(2);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let shell = Shell::new(visit, "Bindings");
        let may_bind =
            visit.may_anywhere(Permission::Read) && visit.may_anywhere(Permission::Write);
        Ok(Self {
            table: SHEET.load(visit).await?.actions_if(may_bind),
            bind: match may_bind {
                true => form(visit, &shell, Ends::default()).await?,
                false => String::new(),
            },
            orphans: orphans(visit, &shell).await?,
            shell,
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

/// Nothing for a stream: all objects are looked at for it.
async fn orphans(visit: &Visit, shell: &Shell) -> Result<Vec<Orphans>, Problem> {
    if visit.is_live {
        return Ok(Vec::new());
    }
    let [exchanges, unused, silent] = LACKING.map(|lacking| count(visit, shell, lacking));
    let (exchanges, unused, silent) = tokio::try_join!(exchanges, unused, silent)?;
    Ok(vec![exchanges, unused, silent])
}

async fn count(
    visit: &Visit,
    shell: &Shell,
    (title, page, filter): (&'static str, &str, &str),
) -> Result<Orphans, Problem> {
    let list = Call::get(&[page]).with("filter", filter);
    let list = list.with("page", "1").with("page_size", "1");
    let list = list.with("columns", "name");
    let list = match visit.vhost() {
        Some(vhost) => list.header("x-vhost", vhost),
        None => list,
    };
    Ok(Orphans {
        title,
        to: Address::parse_whole(&shell.to(page)).with("filter", filter),
        count: table::number(visit.call(list).await?.get("filtered_count")),
    })
}

/// The page, and what its forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<AllBindings>(router)
        .route("/console/bind", post(forms::bind))
        .route("/console/unbind", post(forms::unbind))
}

/// All bindings of a vhost that have this at one end: `end` is `source` or `destination`.
pub(super) fn all(vhost: &str, end: &str, name: &str) -> Address {
    Address::new("bindings")
        .with("vhost", vhost)
        .with("filter", &filter::exactly(end, name))
}

/// What leads to a binding in the API.
fn path<'a>(key: &[&'a str]) -> [&'a str; 7] {
    let [vhost, source, kind, destination, properties_key] = *key else {
        unreachable!("keys of bindings have as many fields as KEY");
    };
    let kind = kind_in_path(kind);
    let source = in_path(source);
    [
        "bindings",
        vhost,
        "e",
        source,
        kind,
        destination,
        properties_key,
    ]
}

fn kind_in_path(kind: &str) -> &'static str {
    match kind {
        "exchange" => "e",
        _ => "q",
    }
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

fn source(row: &Value) -> Cell {
    exchanges::link(text(row, "vhost"), text(row, "source"))
}

fn destination(row: &Value) -> Cell {
    let (vhost, name) = (text(row, "vhost"), text(row, "destination"));
    match text(row, "destination_type") {
        "exchange" => exchanges::link(vhost, name),
        _ => Cell::link(&queues::of_queue(vhost, name), name),
    }
}

fn arguments(row: &Value) -> Cell {
    queue::arguments(&row["arguments"])
}
