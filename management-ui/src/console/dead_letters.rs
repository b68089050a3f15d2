//! `dead-letters`: the queues in which dead letters end up, what lies there and why, and the ways back. Who sends where is
//! found out of arguments, policies and bindings; why messages died is told by the first of them.

mod look;
mod targets;

use askama::Template;
use axum::Router;
use ferrymq_broker::auth::Permission;
use serde_json::{Value, json};

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::copy_as::CopyAs;
use super::jobs::counted;
use super::page::{self, Page};
use super::queue;
use super::shell::Shell;
use super::table::{self, Badge, Cell};
use super::visit::Visit;
use look::Look;
use targets::Target;

/// Queues on a page.
const PAGE_SIZE: usize = 25;

/// What can be done to queues with dead letters.
pub(super) const ACTIONS: &[Action] = &[Action {
    name: "retry-dead-letters",
    verb: "Retry all",
    done: "on its way back: see the jobs",
    nouns: ("queue", "queues"),
    destroys: false,
    to_queue: None,
    list: &["queues"],
    key: &["vhost", "name"],
    look: Some(|key| Call::get(&["queues", key[0], key[1]])),
    undo: None,
    loss: |queue| counted(queue["messages_ready"].as_u64().unwrap_or_default()),
    call: |key| {
        let order = json!({ "vhost": key[0], "source": key[1], "task": "redrive" });
        Call::post(&["jobs"]).body(order)
    },
}];

/// The page.
#[derive(Template)]
#[template(path = "dead_letters.html")]
pub(super) struct DeadLetters {
    shell: Shell,
    copy_as: CopyAs,
    /// Why messages are not looked at, where that holds for all.
    barred: Option<&'static str>,
    rows: Vec<Row>,
    total: usize,
    page: usize,
    pages: usize,
    /// Were there too many to find out about all?
    is_cut: bool,
    may_retry: bool,
    one_vhost: bool,
}

/// A queue with dead letters.
struct Row {
    key: String,
    name: Cell,
    vhost: String,
    ready: Cell,
    is_empty: bool,
    /// Queues that send their dead letters here.
    senders: Cell,
    reasons: Cell,
    origins: Cell,
    oldest: Cell,
    /// How far it was looked, or why not.
    looked: String,
    messages: String,
    retry: String,
}

impl Page for DeadLetters {
    const NAME: &'static str = "dead-letters";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let found = targets::find(visit).await?;
        let total = found.targets.len();
        let pages = total.div_ceil(PAGE_SIZE).max(1);
        let page = visit.address.get("page").and_then(|page| page.parse().ok());
        let page = page.unwrap_or(1).clamp(1, pages);
        let barred = queue::browser_is_off(visit);
        let shown = found.targets.into_iter();
        let mut rows = Vec::new();
        for target in shown.skip((page - 1) * PAGE_SIZE).take(PAGE_SIZE) {
            let look = match barred {
                Some(_) => Look::default(),
                None => Look::at(visit, &target).await?,
            };
            rows.push(row(visit, target, look));
        }
        Ok(Self {
            shell: Shell::new(visit, "Dead letters"),
            copy_as: targets::copy_as(visit),
            barred,
            rows,
            total,
            page,
            pages,
            is_cut: found.is_cut,
            may_retry: visit.may_anywhere(Permission::Read),
            one_vhost: visit.is_about_one_vhost(),
        })
    }
}

impl DeadLetters {
    fn to_page(&self, page: usize) -> String {
        let address = &self.shell.address;
        address.with("page", &page.to_string()).to_string()
    }
}

fn row(visit: &Visit, target: Target, look: Look) -> Row {
    let (vhost, name) = (target.vhost.as_str(), target.name.as_str());
    let messages = queue::messages_of(vhost, name);
    let matching = |header: &str, value: &str| {
        messages.with("filter", &format!("header.{header}:\"{value}\""))
    };
    let badges = |counts: &[(String, u64)], header: &str, about: &str| {
        let badge = |(value, count): &(String, u64)| {
            let text = format!("{value} {}", super::format::count(*count));
            Badge::new(text, about).to(&matching(header, value))
        };
        Cell::Badges(counts.iter().map(badge).collect())
    };
    let retry = Address::new("start-job")
        .with("task", "redrive")
        .with("vhost", vhost)
        .with("source", name)
        .with("back", &visit.address.to_string());
    Row {
        key: Value::from(vec![vhost, name]).to_string(),
        name: Cell::link(&super::queues::of_queue(vhost, name), name),
        ready: table::number(Some(&target.ready.into())),
        is_empty: target.ready == 0,
        senders: Cell::Badges(senders(&target)),
        reasons: badges(&look.reasons, "x-last-death-reason", "Why they died last"),
        origins: badges(&look.origins, "x-last-death-queue", "Where they died last"),
        oldest: look.oldest.map_or(Cell::Nothing, table::moment),
        looked: look.told(target.ready),
        messages: messages.to_string(),
        retry: retry.to_string(),
        vhost: target.vhost,
    }
}

/// The queues that send their dead letters to a target, as far as they can be listed.
fn senders(target: &Target) -> Vec<Badge> {
    const MAX_LISTED: usize = 5;
    let link = |name: &String| {
        let to = super::queues::of_queue(&target.vhost, name);
        Badge::new(name.as_str(), "Its dead letters come here").to(&to)
    };
    let mut badges: Vec<_> = target.senders.iter().take(MAX_LISTED).map(link).collect();
    let more = target.senders.len().saturating_sub(MAX_LISTED);
    if more > 0 {
        badges.push(Badge::new(
            format!("and {more} more"),
            "Queues that send dead letters here",
        ));
    }
    badges
}

/// The page.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::still::<DeadLetters>(router)
}
