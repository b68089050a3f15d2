//! A queue: what all pages about it have at their head, and one file for each.

mod overview;

use axum::Router;
use ferrymq_broker::auth::{Permission, ResourceKind};
use serde_json::Value;

use super::Console;
use super::address::Address;
use super::charts::Charts;
use super::client::{Call, Problem};
use super::page;
use super::visit::Visit;

/// The pages about a queue: title, page.
const TABS: &[(&str, &str)] = &[("Overview", "queue")];

/// What stands above all pages about a queue.
pub(super) struct Head {
    pub(super) vhost: String,
    pub(super) name: String,
    /// As the API answers it.
    pub(super) queue: Value,
    pub(super) tabs: Vec<Tab>,
    pub(super) may: Rights,
    /// This page's address, for actions that come back.
    pub(super) back: String,
}

/// A way to another page about the same queue.
pub(super) struct Tab {
    pub(super) title: &'static str,
    pub(super) to: String,
    pub(super) here: bool,
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
        let call = Charts::asked(visit, Call::get(&["queues", vhost, name]));
        let queue = visit
            .call(call)
            .await
            .map_err(|problem| match problem.status {
                axum::http::StatusCode::NOT_FOUND => Problem::not_found(format!(
                    "There is no queue {name} in the virtual host {vhost}"
                )),
                _ => problem,
            })?;
        let here = visit.address.page();
        let tab = |(title, page): &(&'static str, &'static str)| Tab {
            title,
            to: Address::new(page)
                .with("vhost", vhost)
                .with("name", name)
                .to_string(),
            here: *page == here,
        };
        let may = |permission| visit.may(permission, ResourceKind::Queue, vhost, name);
        Ok(Self {
            tabs: TABS.iter().map(tab).collect(),
            may: Rights {
                configure: may(Permission::Configure),
                read: !visit.is_read_only() && may(Permission::Read),
                write: may(Permission::Write),
            },
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

    /// Is nothing delivered?
    pub(super) fn is_paused(&self) -> bool {
        self.queue["state"] == "paused"
    }
}

/// All pages about a queue.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<overview::Overview>(router)
}
