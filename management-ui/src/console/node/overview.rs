//! `node`: what it is, what it uses, and where it listens.

use askama::Template;
use serde_json::Value;

use super::Head;
use crate::console::charts::Charts;
use crate::console::client::{Call, Problem};
use crate::console::format;
use crate::console::page::{Page, Part, Sample};
use crate::console::shell::Shell;
use crate::console::visit::Visit;

/// What the API's names of memory stand for here.
const PARTS: [(&str, &str); 7] = [
    ("queue_procs", "Messages in queues"),
    ("binary", "Messages that are not settled"),
    ("connection_writers", "Deliveries that wait for sockets"),
    ("mgmt_db", "Rates and samples"),
    ("msg_index", "Index of the log"),
    ("code", "The program"),
    ("other_system", "Everything else"),
];

/// The page.
#[derive(Template)]
#[template(path = "node/overview.html", blocks = ["facts", "uses", "memory"])]
pub(in crate::console) struct Node {
    shell: Shell,
    head: Head,
    uses: Vec<Use>,
    memory: Vec<Share>,
    charts: Charts,
    listeners: Vec<Value>,
}

/// Something of which there is only so much.
struct Use {
    title: &'static str,
    /// As they are read.
    used: String,
    limit: String,
    /// Out of 1.
    share: f64,
    /// Is it too much, so that publishers wait?
    alarm: bool,
}

/// A part of the memory.
struct Share {
    title: &'static str,
    bytes: String,
    /// Out of 1.
    share: f64,
    percent: String,
}

impl Page for Node {
    const NAME: &'static str = "node";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let name = visit.console.site.node();
        let memory = visit.get(&["nodes", name, "memory"]).await?;
        let overview = Call::get(&["overview"]).with("columns", "listeners");
        let overview = visit.call(overview).await?;
        Ok(Self {
            shell: Shell::new(visit, "Node"),
            uses: uses(&head),
            memory: shares(&memory["memory"]),
            charts: Charts::new(visit, "node", &[("name", name)], &head.node),
            listeners: overview["listeners"]
                .as_array()
                .cloned()
                .unwrap_or_default(),
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        vec![
            Part::new("facts", &self.as_facts()),
            Part::new("uses", &self.as_uses()),
            Part::new("memory", &self.as_memory()),
        ]
    }

    fn samples(&self) -> Vec<Sample> {
        self.charts.samples()
    }
}

impl Node {
    fn uptime(&self) -> String {
        format::span(std::time::Duration::from_millis(self.head.number("uptime")))
    }

    fn joined(&self, field: &str) -> String {
        let names = self.head.list(field).iter().filter_map(Value::as_str);
        names.collect::<Vec<_>>().join(", ")
    }
}

fn uses(head: &Head) -> Vec<Use> {
    let share = |used: u64, limit: u64| used as f64 / limit.max(1) as f64;
    let (memory, limit) = (head.number("mem_used"), head.number("mem_limit"));
    let (free, least) = (head.number("disk_free"), head.number("disk_free_limit"));
    let counted = |title, used, limit| Use {
        title,
        used: format::count(head.number(used)),
        limit: format!("of {}", format::count(head.number(limit))),
        share: share(head.number(used), head.number(limit)),
        alarm: false,
    };
    vec![
        Use {
            title: "Memory",
            used: format::bytes(memory as f64),
            limit: format!("publishers wait from {} on", format::bytes(limit as f64)),
            share: share(memory, limit),
            alarm: head.node["mem_alarm"] == true,
        },
        Use {
            title: "Free disk space",
            used: format::bytes(free as f64),
            limit: format!("publishers wait below {}", format::bytes(least as f64)),
            share: share(least, free),
            alarm: head.node["disk_free_alarm"] == true,
        },
        counted("Files and sockets", "fd_used", "fd_total"),
    ]
}

fn shares(memory: &Value) -> Vec<Share> {
    let total = memory["total"]["rss"].as_f64().unwrap_or_default().max(1.0);
    let part = |(name, title): (&str, &'static str)| {
        let bytes = memory[name].as_f64().unwrap_or_default();
        Share {
            title,
            bytes: format::bytes(bytes),
            share: bytes / total,
            percent: format!("{:.0} %", 100.0 * bytes / total),
        }
    };
    PARTS.into_iter().map(part).collect()
}
