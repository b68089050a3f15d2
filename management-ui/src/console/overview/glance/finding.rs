//! The rules: which queues and connections need attention, and what is ranked.

use serde_json::Value;

use crate::console::address::Address;
use crate::console::client::Call;
use crate::console::overview::sparks::{self, Sparks};
use crate::console::visit::Visit;
use crate::console::{channels, format, queues};
use crate::query::field;

/// Objects that are named for a finding; of more only their number is told.
const MAX_NAMED: usize = 3;
/// Queues in a ranking.
const RANKED: &str = "10";
/// So many connections a second are a client that can't keep one.
const MANY_CONNECTIONS: f64 = 10.0;
/// And so many channels are one that opens a channel for each message.
const MANY_CHANNELS: f64 = 50.0;

/// What was found.
#[derive(Default)]
pub(crate) struct Glance {
    /// How the numbers of the tiles went.
    pub(crate) sparks: Sparks,
    pub(crate) findings: Vec<Finding>,
    pub(crate) rankings: Vec<Ranking>,
}

/// Something that needs attention.
pub(crate) struct Finding {
    /// `bad` or `busy`.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    /// What it means, and what helps.
    pub(crate) about: &'static str,
    /// The first of what it is about.
    pub(crate) named: Vec<(String, String)>,
    /// All of it.
    pub(crate) to: String,
}

/// The queues with most of something.
pub(crate) struct Ranking {
    pub(crate) title: &'static str,
    /// Name, address, value.
    pub(crate) rows: Vec<(String, String, String)>,
    pub(crate) to: String,
}

/// What makes queues or connections worth a look.
struct Rule {
    kind: &'static str,
    page: &'static str,
    filter: &'static str,
    sort: &'static str,
    /// For one, and for several.
    texts: (&'static str, &'static str),
    about: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        kind: "bad",
        page: "queues",
        filter: "consumers:0 messages_details.rate:>0",
        sort: "messages_details.rate",
        texts: (
            "queue grows without a consumer",
            "queues grow without a consumer",
        ),
        about: "Messages come in, and nobody takes them: start a consumer, or limit the queue by a policy.",
    },
    Rule {
        kind: "busy",
        page: "queues",
        // A few messages more or less are the usual ups and downs.
        filter: "consumers:>0 messages:>1k messages_details.rate:>1",
        sort: "messages_details.rate",
        texts: (
            "queue grows faster than its consumers take messages",
            "queues grow faster than their consumers take messages",
        ),
        about: "More consumers, or a larger prefetch, may help.",
    },
    Rule {
        kind: "bad",
        page: "queues",
        filter: "message_stats.redeliver_details.rate:>1",
        sort: "message_stats.redeliver_details.rate",
        texts: (
            "queue delivers messages again and again",
            "queues deliver messages again and again",
        ),
        about: "A consumer gives messages back: set a delivery limit and a dead-letter exchange.",
    },
    Rule {
        kind: "busy",
        page: "channels",
        filter: "oldest_unacked_age:>300k",
        sort: "oldest_unacked_age",
        texts: (
            "channel keeps a message unacknowledged for more than 5 minutes",
            "channels keep messages unacknowledged for more than 5 minutes",
        ),
        about: "A consumer may hang, or may have forgotten to acknowledge.",
    },
    Rule {
        kind: "busy",
        page: "queues",
        filter: "state:paused",
        sort: "messages",
        texts: ("queue is paused", "queues are paused"),
        about: "It delivers nothing until it is resumed.",
    },
    Rule {
        kind: "bad",
        page: "connections",
        filter: "state:block",
        sort: "connected_at",
        texts: ("connection is blocked", "connections are blocked"),
        about: "An alarm is on: they may not publish.",
    },
];

/// Title, field, how the value looks.
type Rank = (&'static str, &'static str, fn(f64) -> String);

const RANKS: &[Rank] = &[
    ("Most messages", "messages", |value| {
        format::count(value as u64)
    }),
    (
        "Most published to",
        "message_stats.publish_details.rate",
        |value| format!("{}/s", format::rate(value)),
    ),
    ("Most unacked", "messages_unacknowledged", |value| {
        format::count(value as u64)
    }),
    ("Most memory", "memory", format::bytes),
];

impl Glance {
    /// Looks.
    pub(super) async fn look(visit: &Visit) -> Self {
        let mut glance = Self {
            sparks: sparks::look(visit).await,
            ..Self::default()
        };
        for rule in RULES {
            glance.findings.extend(rule.look(visit).await);
        }
        glance.findings.extend(of_broker(visit).await);
        for rank in RANKS {
            glance.rankings.extend(ranking(visit, rank).await);
        }
        glance
    }
}

impl Rule {
    async fn look(&self, visit: &Visit) -> Option<Finding> {
        let call = list(visit, self.page, self.sort, &MAX_NAMED.to_string());
        // A list that the visitor may not see finds nothing.
        let found = visit.call(call.with("filter", self.filter)).await.ok()?;
        let count = found["filtered_count"]
            .as_u64()
            .filter(|count| *count > 0)?;
        let text = match count {
            1 => format!("1 {}", self.texts.0),
            _ => format!("{} {}", format::count(count), self.texts.1),
        };
        let named = found["items"].as_array()?.iter();
        let named = named.map(|row| self.name(row));
        let to = within(visit, self.page).with("filter", self.filter);
        Some(Finding {
            kind: self.kind,
            text,
            about: self.about,
            named: named.collect(),
            to: to
                .with("sort", self.sort)
                .with("sort_reverse", "true")
                .to_string(),
        })
    }

    fn name(&self, row: &Value) -> (String, String) {
        let text = |field: &str| row[field].as_str().unwrap_or_default();
        let address = match self.page {
            "connections" => Address::new("connection").with("name", text("name")),
            "channels" => channels::of_channel(text("name")),
            _ => queues::of_queue(text("vhost"), text("name")),
        };
        (text("name").to_owned(), address.to_string())
    }
}

/// A rate of the broker as a whole that is worth a look.
struct Rate {
    kind: &'static str,
    /// In the overview of the API.
    field: &'static str,
    /// From here on.
    above: f64,
    /// What happens so often each second.
    text: &'static str,
    about: &'static str,
    /// Page, and by what its list is sorted.
    page: (&'static str, &'static str),
    /// It counts more than what is in the visitor's virtual hosts.
    for_monitors: bool,
}

const RATES: &[Rate] = &[
    Rate {
        kind: "bad",
        field: "message_stats.drop_unroutable_details.rate",
        above: 0.0,
        text: "messages reach no queue and are dropped",
        about: "An exchange has no binding for their routing keys.",
        page: ("exchanges", "message_stats.unroutable_details.rate"),
        for_monitors: false,
    },
    Rate {
        kind: "bad",
        field: "message_stats.dead_lettered_details.rate",
        above: 0.0,
        text: "messages become dead letters",
        about: "Consumers reject them, or they were not taken in time or in number: see why, and retry them.",
        page: ("dead-letters", ""),
        for_monitors: true,
    },
    Rate {
        kind: "busy",
        field: "churn_rates.connection_created_details.rate",
        above: MANY_CONNECTIONS,
        text: "connections are opened",
        about: "Clients should keep a connection open, and open channels on it.",
        page: ("connections", "connected_at"),
        for_monitors: true,
    },
    Rate {
        kind: "busy",
        field: "churn_rates.channel_created_details.rate",
        above: MANY_CHANNELS,
        text: "channels are opened",
        about: "Clients should keep a channel open, not open one for each message.",
        page: ("channels", ""),
        for_monitors: true,
    },
];

impl Rate {
    fn look(&self, visit: &Visit, overview: &Value) -> Option<Finding> {
        let rate = field(overview, self.field).and_then(Value::as_f64)?;
        if rate <= self.above || (self.for_monitors && !visit.may_monitor()) {
            return None;
        }
        let (page, sort) = self.page;
        let to = within(visit, page);
        let to = match sort {
            "" => to,
            sort => to.with("sort", sort).with("sort_reverse", "true"),
        };
        Some(Finding {
            kind: self.kind,
            text: format!("{} {} each second", format::rate(rate), self.text),
            about: self.about,
            named: Vec::new(),
            to: to.to_string(),
        })
    }
}

/// What is told of the broker as a whole.
async fn of_broker(visit: &Visit) -> Vec<Finding> {
    let call = Call::get(&["overview"]);
    let call = match visit.vhost() {
        Some(vhost) => call.header("x-vhost", vhost),
        None => call,
    };
    let overview = visit.call(call).await.unwrap_or_default();
    let rates = RATES.iter();
    let rates = rates.filter_map(|rate| rate.look(visit, &overview));
    let well_known = visit.console.glances.well_known.look(visit);
    rates.chain(well_known.await).collect()
}

async fn ranking(visit: &Visit, (title, sort, shown): &Rank) -> Option<Ranking> {
    let found = visit.call(list(visit, "queues", sort, RANKED)).await.ok()?;
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let row = |row: &Value| {
        let value = field(row, sort).and_then(Value::as_f64)?;
        let (vhost, name) = (text(row, "vhost"), text(row, "name"));
        let to = queues::of_queue(&vhost, &name).to_string();
        (value > 0.0).then(|| (name, to, shown(value)))
    };
    let rows: Vec<_> = found["items"].as_array()?.iter().filter_map(row).collect();
    let to = within(visit, "queues")
        .with("sort", sort)
        .with("sort_reverse", "true");
    (!rows.is_empty()).then(|| Ranking {
        title,
        rows,
        to: to.to_string(),
    })
}

/// The first of a list, the largest first.
fn list(visit: &Visit, page: &str, sort: &str, size: &str) -> Call {
    let call = Call::get(&[page])
        .with("page", "1")
        .with("page_size", size)
        .with("sort", sort)
        .with("sort_reverse", "true");
    match visit.vhost() {
        Some(vhost) => call.header("x-vhost", vhost),
        None => call,
    }
}

fn within(visit: &Visit, page: &str) -> Address {
    let address = Address::new(page);
    match visit.vhost() {
        Some(vhost) => address.with("vhost", vhost),
        None => address,
    }
}
