//! The node: what all pages about it have at their head, and one file for each.

mod disk;
mod health;
mod overview;
pub(super) mod settings;

use axum::Router;
use serde_json::Value;

use super::Console;
use super::charts::Charts;
use super::client::{Call, Problem};
use super::copy_as::CopyAs;
use super::page;
use super::visit::Visit;

/// The pages about the node: title, page, what the API calls it, and whether it is for administrators only.
const TABS: &[Tab] = &[
    tab("Overview", "node", &[], "status", false),
    tab("Disk", "node-disk", &[], "status", false),
    tab("Health", "node-health", &[], "status", false),
    tab(
        "Settings",
        "node-settings",
        &["config", "effective"],
        "environment",
        true,
    ),
];

/// A page about the node.
#[derive(Clone, Copy)]
pub(super) struct Tab {
    pub(super) title: &'static str,
    pub(super) page: &'static str,
    /// What the API has of it; nothing: the node.
    path: &'static [&'static str],
    command: &'static str,
    for_administrators: bool,
}

const fn tab(
    title: &'static str,
    page: &'static str,
    path: &'static [&'static str],
    command: &'static str,
    for_administrators: bool,
) -> Tab {
    Tab {
        title,
        page,
        path,
        command,
        for_administrators,
    }
}

/// What stands above all pages about the node.
pub(super) struct Head {
    pub(super) tabs: Vec<Tab>,
    /// This page.
    pub(super) here: String,
    /// As the API answers it.
    pub(super) node: Value,
    pub(super) copy_as: CopyAs,
}

impl Head {
    /// The head of a page about this node.
    ///
    /// # Errors
    /// 403 for who may not see it.
    pub(super) async fn load(visit: &Visit) -> Result<Self, Problem> {
        let name = visit.console.site.node();
        let node = Call::get(&["nodes", name]);
        let sees = |tab: &&Tab| !tab.for_administrators || visit.is_administrator();
        let here = visit.address.page();
        let shown = TABS.iter().find(|tab| tab.page == here).unwrap_or(&TABS[0]);
        let call = match shown.path {
            [] => node.clone(),
            path => Call::get(path),
        };
        Ok(Self {
            tabs: TABS.iter().filter(sees).copied().collect(),
            here: here.to_owned(),
            copy_as: CopyAs::new(visit, &call, None, &[shown.command]),
            node: visit.call(Charts::asked(visit, node)).await?,
        })
    }

    /// A text that the API tells of it.
    pub(super) fn text(&self, field: &str) -> &str {
        self.node[field].as_str().unwrap_or_default()
    }

    /// A number that the API tells of it.
    pub(super) fn number(&self, field: &str) -> u64 {
        self.node[field].as_u64().unwrap_or_default()
    }

    /// What the API lists of it.
    pub(super) fn list(&self, field: &str) -> &[Value] {
        self.node[field].as_array().map_or(&[][..], Vec::as_slice)
    }
}

/// All pages about the node, and what their forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    let router = page::route::<overview::Node>(router);
    let router = page::route::<disk::Disk>(router);
    let router = page::route::<health::Health>(router);
    settings::routes(router)
}
