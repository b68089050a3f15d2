//! The rules: which queues and connections need attention, and what is ranked.

use serde_json::Value;

use crate::console::address::Address;
use crate::console::client::Call;
use crate::console::visit::Visit;
use crate::console::{format, queues};
use crate::query::field;

/// Objects that are named for a finding; of more only their number is told.
const MAX_NAMED: usize = 3;
/// Queues in a ranking.
const RANKED: &str = "10";
/// So many connections a second are a client that can't keep one.
const MANY_CONNECTIONS: f64 = 10.0;

/// What was found.
#[derive(Default)]
pub(crate) struct Glance {
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
        page: "queues",
        filter: "unacked:>0 ack:0 deliver:0",
        sort: "messages_unacknowledged",
        texts: (
            "queue has messages that its consumers keep without acknowledging",
            "queues have messages that their consumers keep without acknowledging",
        ),
        about: "A consumer may hang: look at its unacked messages.",
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
        let mut glance = Self::default();
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
            _ => queues::of_queue(text("vhost"), text("name")),
        };
        (text("name").to_owned(), address.to_string())
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
    let rate = |path: &str| {
        field(&overview, path)
            .and_then(Value::as_f64)
            .unwrap_or_default()
    };
    let mut findings = Vec::new();
    let dropped = rate("message_stats.drop_unroutable_details.rate");
    if dropped > 0.0 {
        findings.push(Finding {
            kind: "bad",
            text: format!(
                "{} messages a second reach no queue and are dropped",
                format::rate(dropped)
            ),
            about: "An exchange has no binding for their routing keys.",
            named: Vec::new(),
            to: within(visit, "exchanges").to_string(),
        });
    }
    let opened = rate("churn_rates.connection_created_details.rate");
    if opened > MANY_CONNECTIONS && visit.may_monitor() {
        findings.push(Finding {
            kind: "busy",
            text: format!(
                "{} connections are opened each second",
                format::rate(opened)
            ),
            about: "Clients should keep a connection open, and open channels on it.",
            named: Vec::new(),
            to: within(visit, "connections")
                .with("sort", "connected_at")
                .to_string(),
        });
    }
    findings.extend(default_user(visit));
    findings
}

/// The default user, if it may log in from anywhere.
fn default_user(visit: &Visit) -> Option<Finding> {
    let broker = &visit.console.site.broker;
    let config = broker.config();
    let name = &config.default_user;
    let is_open = broker.users().user(name).is_some() && !config.loopback_users.contains(name);
    (visit.is_administrator() && is_open && config.default_pass == "guest").then(|| Finding {
        kind: "busy",
        text: format!("The default user {name} may log in from anywhere"),
        about: "Everybody knows its password: give it another, or delete it.",
        named: Vec::new(),
        to: Address::new("user").with("name", name).to_string(),
    })
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
