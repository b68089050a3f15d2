//! `/api/queue-groups…`: queues by the beginnings of their names, like files by folders, with sums.
//!
//! Below a prefix, names with a separator further on belong to the group that ends with it; all others, and those that
//! would be alone in a group, stand for themselves.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::stats::{Kind, MessageField};
use ferrymq_broker::vhost::VHost;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::auth::Caller;
use crate::catalogue;
use crate::http::Site;
use crate::http::path::Names;
use crate::list::{Row, SortKey};
use crate::query::{Query, View};
use crate::refusal::Refusal;

/// What separates the parts of names, unless that is said; of two as frequent the first.
const SEPARATORS: [&str; 2] = [".", "/"];
/// Characters of a separator.
const MAX_SEPARATOR_CHARS: usize = 16;

/// Queues of a vhost whose names begin alike, or one queue.
struct Group {
    vhost: Arc<str>,
    name: String,
    is_queue: bool,
    sums: Sums,
}

/// What all queues of a group have together.
#[derive(Default)]
struct Sums {
    queues: usize,
    ready: usize,
    unacked: usize,
    bytes: u64,
    consumers: usize,
    published: Sum,
    delivered: Sum,
    acked: Sum,
}

/// How often something happened, and how often a second it does now.
#[derive(Default)]
struct Sum {
    count: u64,
    rate: f64,
}

/// `GET /api/queue-groups?prefix=…&separator=…`
pub(crate) async fn list(caller: Caller, State(site): State<Site>, query: Query) -> Answer {
    answer(site, caller.vhosts(), query).await
}

/// `GET /api/queue-groups/{vhost}?prefix=…&separator=…`
pub(crate) async fn list_in(
    caller: Caller,
    State(site): State<Site>,
    Names(vhost): Names<String>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    answer(site, vec![vhost], query).await
}

async fn answer(site: Site, vhosts: Vec<Arc<VHost>>, query: Query) -> Answer {
    let prefix = query.get("prefix").unwrap_or_default().to_owned();
    let separator = query.get("separator").filter(|given| !given.is_empty());
    if separator.is_some_and(|given| given.chars().count() > MAX_SEPARATOR_CHARS) {
        let reason = format!("separator has more than {MAX_SEPARATOR_CHARS} characters");
        return Err(Refusal::bad_request(reason));
    }
    let separator = separator.map(str::to_owned);
    let (aside, asked) = (site.clone(), site.clone());
    let groups = aside.aside(move || groups(&asked, vhosts, &prefix, separator.as_deref()));
    query.list(&site, groups.await?).await
}

/// The groups and queues right below `prefix`, by vhost and name.
fn groups(
    site: &Site,
    vhosts: Vec<Arc<VHost>>,
    prefix: &str,
    separator: Option<&str>,
) -> Vec<Group> {
    let mut queues = catalogue::queues(vhosts).all();
    queues.retain(|queue| queue.name.as_str().starts_with(prefix));
    let names = queues
        .iter()
        .map(|queue| &queue.name.as_str()[prefix.len()..]);
    let separator = separator.unwrap_or_else(|| usual_separator(names));
    // Names are in their order, so those that begin alike stand together.
    let together = queues.chunk_by(|a, b| {
        let [a_name, b_name] =
            [a, b].map(|queue| group_name(queue.name.as_str(), prefix, separator));
        a.vhost == b.vhost && a_name == b_name
    });
    together
        .map(|queues| {
            let first = &queues[0];
            let is_queue = queues.len() == 1;
            Group {
                vhost: Arc::clone(&first.vhost),
                name: match is_queue {
                    true => first.name.as_str().to_owned(),
                    false => group_name(first.name.as_str(), prefix, separator).to_owned(),
                },
                is_queue,
                sums: Sums::of(site, queues),
            }
        })
        .collect()
}

/// The beginning of `name` that ends with the first separator behind `prefix`; all of it, if there is none.
fn group_name<'a>(name: &'a str, prefix: &str, separator: &str) -> &'a str {
    match name[prefix.len()..].find(separator) {
        Some(at) => &name[..prefix.len() + at + separator.len()],
        None => name,
    }
}

/// The separator that more of these names have.
fn usual_separator<'a>(names: impl Iterator<Item = &'a str>) -> &'static str {
    let mut counts = [0; SEPARATORS.len()];
    for name in names {
        for (count, separator) in counts.iter_mut().zip(SEPARATORS) {
            *count += usize::from(name.contains(separator));
        }
    }
    match counts[1] > counts[0] {
        true => SEPARATORS[1],
        false => SEPARATORS[0],
    }
}

impl Sums {
    fn of(site: &Site, queues: &[Arc<SharedQueue>]) -> Self {
        let mut sums = Self {
            queues: queues.len(),
            ..Self::default()
        };
        for queue in queues {
            sums.add(site, queue);
        }
        sums
    }

    fn add(&mut self, site: &Site, queue: &SharedQueue) {
        let (counts, activity) = queue.inspect(|queue| (queue.counts(), *queue.activity()));
        self.ready += counts.ready;
        self.unacked += counts.unacked;
        self.bytes += counts.ready_bytes + counts.unacked_bytes;
        self.consumers += counts.consumers;
        if activity.is_zero() {
            return;
        }
        let statistics = site.broker.statistics();
        let rate = |fields: &[MessageField]| match statistics.has_rates() {
            true => {
                queue
                    .history
                    .details(fields, statistics.moments(), None)
                    .rate
            }
            false => 0.0,
        };
        let happened = |kind| (activity[kind], rate(&[MessageField::Happened(kind)]));
        self.published.add(happened(Kind::Publish));
        self.acked.add(happened(Kind::Ack));
        let delivered = (activity.deliver_get(), rate(&MessageField::DELIVER_GET));
        self.delivered.add(delivered);
    }

    /// Those that have a name in `message_stats`.
    fn happened(&self) -> [(&'static str, &Sum); 3] {
        [
            ("publish", &self.published),
            ("deliver_get", &self.delivered),
            ("ack", &self.acked),
        ]
    }
}

impl Sum {
    fn add(&mut self, (count, rate): (u64, f64)) {
        self.count += count;
        self.rate += rate;
    }
}

impl Row for Group {
    fn name(&self) -> Cow<'_, str> {
        self.name.as_str().into()
    }

    fn render(&self, _: &Site, _: &View) -> Value {
        let sums = &self.sums;
        let mut stats = json!({});
        for (name, sum) in sums.happened() {
            stats[name] = sum.count.into();
            stats[format!("{name}_details")] = json!({ "rate": sum.rate });
        }
        json!({
            "name": self.name,
            "vhost": &*self.vhost,
            "is_queue": self.is_queue,
            "queues": sums.queues,
            "messages": sums.ready + sums.unacked,
            "messages_ready": sums.ready,
            "messages_unacknowledged": sums.unacked,
            "message_bytes": sums.bytes,
            "consumers": sums.consumers,
            "message_stats": stats,
        })
    }

    fn sort_key(&self, _: &Site, field: &str) -> Option<SortKey> {
        let sums = &self.sums;
        Some(match field {
            "name" => self.name.as_str().into(),
            "vhost" => self.vhost.as_ref().into(),
            "queues" => sums.queues.into(),
            "messages" => (sums.ready + sums.unacked).into(),
            "messages_ready" => sums.ready.into(),
            "messages_unacknowledged" => sums.unacked.into(),
            "consumers" => sums.consumers.into(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, prefix: &str, separator: &str, expected: &str) {
        assert_eq!(group_name(name, prefix, separator), expected);
    }

    #[test]
    fn a_group_ends_with_the_separator() {
        check("orders.eu.new", "", ".", "orders.");
        check("orders.eu.new", "orders.", ".", "orders.eu.");
        check("orders.eu.new", "orders.eu.", ".", "orders.eu.new");
        check("orders", "", ".", "orders");
        check("a--b--c", "", "--", "a--");
        check("é.b", "", ".", "é.");
    }

    #[test]
    fn the_usual_separator_is_the_frequent_one() {
        let usual = |names: &[&str]| usual_separator(names.iter().copied());
        assert_eq!(usual(&["a.b", "a/b"]), ".");
        assert_eq!(usual(&["a/b", "a/c", "a.b"]), "/");
        assert_eq!(usual(&[]), ".");
    }
}
