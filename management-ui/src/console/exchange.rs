//! An exchange: what all pages about it have at their head, and one file for each.

mod bindings;
mod chain;
mod overview;
mod publish;
mod route;
mod tree;

use axum::Router;
use axum::http::StatusCode;
use ferrymq_broker::auth::{Permission, ResourceKind};
use serde_json::Value;

use super::Console;
use super::charts::Charts;
use super::client::{Call, Problem};
use super::copy_as::CopyAs;
use super::exchanges::{in_path, is_predeclared, of_exchange, title};
use super::format;
use super::page;
use super::visit::Visit;

/// The pages about an exchange: title, page.
const TABS: &[(&str, &str)] = &[
    ("Overview", "exchange"),
    ("Bindings", "exchange-bindings"),
    ("Publish", "exchange-publish"),
    ("Routing tester", "exchange-route"),
];

/// What stands above all pages about an exchange.
pub(super) struct Head {
    pub(super) vhost: String,
    /// Empty: the default exchange.
    pub(super) name: String,
    /// As the API answers it.
    pub(super) exchange: Value,
    pub(super) tabs: Vec<Tab>,
    pub(super) copy_as: CopyAs,
    /// May the visitor delete it, if it can be deleted?
    pub(super) may_delete: bool,
    /// May the visitor make it the source of a binding?
    pub(super) may_bind: bool,
}

/// A way to another page about the same exchange.
pub(super) struct Tab {
    pub(super) title: &'static str,
    /// How many things it shows, if that is known.
    pub(super) count: Option<String>,
    pub(super) to: String,
    pub(super) here: bool,
}

impl Head {
    /// The head of a page about the exchange that the address names.
    ///
    /// # Errors
    /// 404 when there is none.
    pub(super) async fn load(visit: &Visit) -> Result<Self, Problem> {
        let vhost = visit.required("vhost")?;
        let name = match visit.address.get("name") {
            None | Some(super::exchanges::DEFAULT_EXCHANGE) => "",
            Some(name) => name,
        };
        let call = Call::get(&["exchanges", vhost, in_path(name)]);
        let exchange = visit.call(Charts::asked(visit, call)).await;
        let exchange = exchange.map_err(|problem| match problem.status {
            StatusCode::NOT_FOUND => Problem::not_found(format!(
                "There is no exchange {name} in the virtual host {vhost}"
            )),
            _ => problem,
        })?;
        let may = |permission| visit.may(permission, ResourceKind::Exchange, vhost, name);
        let is_default = name.is_empty();
        Ok(Self {
            copy_as: copy_as(visit, vhost, name),
            tabs: tabs(visit, &exchange, vhost, name),
            may_delete: !is_predeclared(name) && may(Permission::Configure),
            may_bind: !is_default && !visit.is_read_only() && may(Permission::Read),
            vhost: vhost.to_owned(),
            name: name.to_owned(),
            exchange,
        })
    }

    /// What people call it.
    pub(super) fn title(&self) -> &str {
        title(&self.name)
    }

    /// What an action on this exchange knows it by.
    pub(super) fn key(&self) -> String {
        Value::from(vec![self.vhost.as_str(), self.name.as_str()]).to_string()
    }

    /// Has it no name?
    pub(super) fn is_default(&self) -> bool {
        self.name.is_empty()
    }

    /// Is it for other exchanges only?
    pub(super) fn is_internal(&self) -> bool {
        self.exchange["internal"] == true
    }

    /// A number that the API tells of it.
    pub(super) fn number(&self, field: &str) -> u64 {
        self.exchange[field].as_u64().unwrap_or_default()
    }

    /// Where it sends what it can't route.
    pub(super) fn alternate(&self) -> Option<&str> {
        self.exchange["alternate_exchange"].as_str()
    }
}

fn tabs(visit: &Visit, exchange: &Value, vhost: &str, name: &str) -> Vec<Tab> {
    let here = visit.address.page();
    let ends = [&exchange["bindings_from"], &exchange["bindings_to"]];
    let bindings: u64 = ends.into_iter().filter_map(Value::as_u64).sum();
    let tab = |(title, page): &(&'static str, &'static str)| Tab {
        title,
        count: (*page == "exchange-bindings").then(|| format::count(bindings)),
        to: of_exchange(vhost, name).named(page).to_string(),
        here: *page == here,
    };
    TABS.iter().map(tab).collect()
}

/// How to get what the page shows without it.
fn copy_as(visit: &Visit, vhost: &str, name: &str) -> CopyAs {
    let (below, command): (&[&str], _) = match visit.address.page() {
        "exchange-bindings" => (&["bindings", "source"], "list_bindings"),
        _ => (&[], "list_exchanges"),
    };
    let path = ["exchanges", vhost, in_path(name)];
    let call = Call::get(&[&path[..], below].concat());
    CopyAs::new(visit, &call, Some(vhost), &[command])
}

/// All pages about an exchange.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    let router = page::route::<overview::Overview>(router);
    let router = page::route::<bindings::ExchangeBindings>(router);
    let router = page::route::<publish::Publish>(router);
    page::route::<route::Route>(router)
}
