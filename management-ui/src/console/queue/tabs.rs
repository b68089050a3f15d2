//! The ways to all pages about a queue, with the numbers of what is there.

use askama::Template;
use serde_json::Value;

use super::{message, messages, of_queue};
use crate::console::client::{Call, Problem};
use crate::console::copy_as::CopyAs;
use crate::console::format;
use crate::console::visit::Visit;

/// Shown by being written into a page, unescaped.
#[derive(Template)]
#[template(path = "queue/tabs.html")]
pub(in crate::console) struct Tabs(Vec<Tab>);

/// A way to a page.
struct Tab {
    title: &'static str,
    /// How much is there; empty: it is nothing to count.
    count: String,
    to: String,
    here: bool,
}

/// A page about a queue.
struct Kind {
    page: &'static str,
    title: &'static str,
    /// The field of the API that counts what is there.
    counted: &'static str,
    /// What the API calls it, below the queue,
    path: &'static [&'static str],
    /// and the command that tells the same.
    command: &'static [&'static str],
}

const fn kind(
    page: &'static str,
    title: &'static str,
    counted: &'static str,
    path: &'static [&'static str],
    command: &'static [&'static str],
) -> Kind {
    Kind {
        page,
        title,
        counted,
        path,
        command,
    }
}

/// In a command: the queue's name.
const NAME: &str = "{name}";
const BINDINGS: &str = "bindings";

/// All pages about a queue.
const KINDS: &[Kind] = &[
    kind("queue", "Overview", "", &[], &["list_queues"]),
    kind(
        messages::NAME,
        "Messages",
        "messages_ready",
        &["browse"],
        &["browse", NAME],
    ),
    kind("queue-tail", "Live", "", &["tail"], &["tail", NAME]),
    kind(
        "queue-consumers",
        "Consumers",
        "consumers",
        &[],
        &["list_consumers"],
    ),
    kind(
        "queue-bindings",
        "Bindings",
        BINDINGS,
        &[BINDINGS],
        &["list_bindings"],
    ),
    kind(
        "queue-unacked",
        "Unacked",
        "messages_unacknowledged",
        &["unacked"],
        &["list_unacked", NAME],
    ),
    kind(
        "queue-delayed",
        "Delayed",
        "messages_delayed",
        &["delayed"],
        &["list_delayed", NAME],
    ),
    kind(
        "queue-publish",
        "Publish and get",
        "",
        &[],
        &["publish", "", NAME, "hello"],
    ),
    kind("queue-settings", "Settings", "", &[], &["list_policies"]),
];

impl Tabs {
    /// Those of a queue, as the API answers it.
    ///
    /// # Errors
    /// When the queue has just gone.
    pub(super) async fn load(
        visit: &Visit,
        vhost: &str,
        name: &str,
        queue: &Value,
    ) -> Result<Self, Problem> {
        let bindings = Call::get(&["queues", vhost, name, BINDINGS]);
        let bindings = bindings.with("page", "1").with("page_size", "1");
        let bindings = visit.call(bindings).await?;
        let count = |kind: &Kind| match kind.counted {
            // The one that every queue has is none that somebody made.
            BINDINGS => bindings["total_count"]
                .as_u64()
                .map(|all| all.saturating_sub(1)),
            field => queue[field].as_u64(),
        };
        let here = here(visit);
        let tab = |kind: &Kind| Tab {
            title: kind.title,
            count: count(kind).map(format::count).unwrap_or_default(),
            to: of_queue(kind.page, vhost, name).to_string(),
            here: kind.page == here,
        };
        Ok(Self(KINDS.iter().map(tab).collect()))
    }
}

/// The page that one is on, or that it lies below.
fn here(visit: &Visit) -> &str {
    match visit.address.page() {
        message::NAME => messages::NAME,
        page => page,
    }
}

/// How to get what the page shows without it.
pub(super) fn copy_as(visit: &Visit, vhost: &str, name: &str) -> CopyAs {
    let here = here(visit);
    let kind = KINDS.iter().find(|kind| kind.page == here);
    let kind = kind.unwrap_or(&KINDS[0]);
    let call = Call::get(&[&["queues", vhost, name], kind.path].concat());
    let words = kind.command.iter().map(|word| match *word {
        NAME => name,
        word => word,
    });
    CopyAs::new(visit, &call, Some(vhost), &words.collect::<Vec<_>>())
}
