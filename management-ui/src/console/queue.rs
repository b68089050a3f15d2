//! A queue: what all pages about it have at their head, and one file for each.

mod balance;
pub(super) mod bindings;
mod consumers;
mod delayed;
mod effective;
mod message;
mod messages;
mod overview;
mod part;
mod publish;
mod settings;
mod tabs;
mod tail;
mod unacked;

use axum::Router;
use axum::http::StatusCode;
use ferrymq_broker::auth::{Permission, ResourceKind};
use serde_json::Value;

pub(super) use messages::{browser_is_off, messages_of};

use super::Console;
use super::address::Address;
use super::channels::of_channel;
use super::charts::Charts;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::connections::of_connection;
use super::copy_as::CopyAs;
use super::page::{self, Part, rendered};
use super::table::{Badge, Cell};
use super::visit::Visit;
use tabs::Tabs;

/// What can be done to what belongs to a queue.
pub(super) const ACTIONS: &[Action] = &[delayed::CANCEL, delayed::CANCEL_ALL, unacked::REQUEUE];

/// What stands above all pages about a queue.
pub(super) struct Head {
    pub(super) vhost: String,
    pub(super) name: String,
    /// As the API answers it.
    pub(super) queue: Value,
    pub(super) tabs: Tabs,
    pub(super) may: Rights,
    pub(super) copy_as: CopyAs,
    /// This page's address, for actions that come back.
    pub(super) back: String,
}

/// What the visitor may do with the queue.
pub(super) struct Rights {
    /// Delete it, pause it.
    pub(super) configure: bool,
    /// Take messages from it, purge it.
    pub(super) read: bool,
    /// Bind it.
    pub(super) write: bool,
}

impl Head {
    /// The head of a page about the queue that the address names.
    ///
    /// # Errors
    /// 404 when there is none.
    pub(super) async fn load(visit: &Visit) -> Result<Self, Problem> {
        let (vhost, name) = (visit.required("vhost")?, visit.required("name")?);
        let queue = find(visit, vhost, name).await?;
        let may = |permission| visit.may(permission, ResourceKind::Queue, vhost, name);
        Ok(Self {
            tabs: Tabs::load(visit, vhost, name, &queue).await?,
            may: Rights {
                configure: may(Permission::Configure),
                read: !visit.is_read_only() && may(Permission::Read),
                write: may(Permission::Write),
            },
            copy_as: tabs::copy_as(visit, vhost, name),
            vhost: vhost.to_owned(),
            name: name.to_owned(),
            back: visit.address.to_string(),
            queue,
        })
    }

    /// What an action on this queue knows it by.
    pub(super) fn key(&self) -> String {
        Value::from(vec![self.vhost.as_str(), self.name.as_str()]).to_string()
    }

    /// Another page about the queue.
    pub(super) fn to(&self, page: &str) -> Address {
        of_queue(page, &self.vhost, &self.name)
    }

    /// A request about the queue, for what these names below it lead to.
    pub(super) fn call(&self, below: &[&str]) -> Call {
        Call::get(&[&["queues", &self.vhost, &self.name], below].concat())
    }

    /// Is nothing delivered?
    pub(super) fn is_paused(&self) -> bool {
        self.queue["state"] == "paused"
    }

    /// A number that the API tells of the queue.
    pub(super) fn number(&self, field: &str) -> u64 {
        self.queue[field].as_u64().unwrap_or_default()
    }

    /// What changes in it while the page is open.
    pub(super) fn parts(&self) -> Vec<Part> {
        vec![Part {
            id: "tabs".to_owned(),
            html: rendered(&self.tabs),
        }]
    }
}

/// A page about a queue.
fn of_queue(page: &str, vhost: &str, name: &str) -> Address {
    Address::new(page).with("vhost", vhost).with("name", name)
}

/// The connection that a row is about: the name that its client gave, and where it comes from.
fn connection(row: &Value) -> Cell {
    let details = &row["channel_details"];
    let name = details["connection_name"].as_str().unwrap_or_default();
    let to = of_connection(name);
    let (Some(host), Some(port)) = (details["peer_host"].as_str(), details["peer_port"].as_u64())
    else {
        return Cell::Nothing;
    };
    let peer = format!("{host}:{port}");
    Cell::client(&to, &details["user_provided_name"], peer)
}

/// The channel that a row is about, by its number on the connection.
fn channel(row: &Value) -> Cell {
    let details = &row["channel_details"];
    match (details["name"].as_str(), details["number"].as_u64()) {
        (Some(name), Some(number)) => Cell::link(&of_channel(name), number.to_string()),
        _ => Cell::Nothing,
    }
}

/// A table of arguments in a cell, one badge each.
pub(super) fn arguments(table: &Value) -> Cell {
    let entries = table.as_object().into_iter().flatten();
    let badges = entries.map(|(name, value)| {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        Badge::new(format!("{name}: {value}"), "An argument")
    });
    Cell::Badges(badges.collect())
}

async fn find(visit: &Visit, vhost: &str, name: &str) -> Result<Value, Problem> {
    let call = Charts::asked(visit, Call::get(&["queues", vhost, name]));
    let queue = visit.call(call).await;
    queue.map_err(|problem| match problem.status {
        StatusCode::NOT_FOUND => Problem::not_found(format!(
            "There is no queue {name} in the virtual host {vhost}"
        )),
        _ => problem,
    })
}

/// All pages about a queue, and what their forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    let router = page::route::<overview::Overview>(router);
    let router = page::route::<consumers::Consumers>(router);
    let router = page::route::<unacked::Unacked>(router);
    let router = page::route::<delayed::Delayed>(router);
    let router = page::route::<settings::Settings>(router);
    let router = tail::routes(message::routes(messages::routes(router)));
    part::routes(publish::routes(page::route::<bindings::Bindings>(router)))
}
