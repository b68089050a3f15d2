//! `node-disk`: the log, how long the disk takes to make it durable, and what a start has to read.

use askama::Template;
use ferrymq_broker::StoreStatistics;

use super::Head;
use crate::console::charts::Charts;
use crate::console::client::Problem;
use crate::console::format;
use crate::console::page::{Page, Part, Sample};
use crate::console::shell::Shell;
use crate::console::visit::Visit;

/// Shares of all syncs that are told about.
const QUANTILES: [(&str, f64); 4] = [
    ("half", 0.5),
    ("90 %", 0.9),
    ("99 %", 0.99),
    ("99.9 %", 0.999),
];

/// The page.
#[derive(Template)]
#[template(path = "node/disk.html", blocks = ["log", "syncs"])]
pub(in crate::console) struct Disk {
    shell: Shell,
    head: Head,
    /// Something that went wrong for good, or until there is room.
    problems: Vec<String>,
    /// Name, value.
    facts: Vec<(&'static str, String)>,
    syncs: Syncs,
    /// What the start had to do: name, value.
    start: Vec<(&'static str, String)>,
    charts: Charts,
}

/// How long syncs took.
struct Syncs {
    count: u64,
    mean: String,
    bars: Vec<Bar>,
    /// Of so many the time was at most so long.
    quantiles: Vec<(&'static str, String)>,
}

/// Syncs that took about the same time.
struct Bar {
    at_most: String,
    count: u64,
    shown: String,
}

impl Page for Disk {
    const NAME: &'static str = "node-disk";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        // What /metrics tells, from where it has it.
        let store = visit.console.site.broker.store().statistics();
        Ok(Self {
            shell: Shell::new(visit, "Node"),
            problems: problems(&store),
            facts: facts(&head, &store),
            syncs: Syncs::of(&store),
            start: start(&head),
            charts: Charts::new(visit, "disk", &[("name", head.text("name"))], &head.node),
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        vec![
            Part::new("log", &self.as_log()),
            Part::new("syncs", &self.as_syncs()),
        ]
    }

    fn samples(&self) -> Vec<Sample> {
        self.charts.samples()
    }
}

fn problems(store: &StoreStatistics) -> Vec<String> {
    let failed = store.failure.as_ref();
    let failed = failed.map(|why| format!("The log failed, a restart is needed: {why}"));
    let full = "There is no room on the disk: messages wait until there is.";
    let checkpoints = "A checkpoint failed: the log grows until a restart.";
    let damaged = format!(
        "{} records were found damaged; the broker's log names them.",
        format::count(store.damaged_records)
    );
    let states = [
        (store.disk_full, full.to_owned()),
        (store.checkpoint_failed, checkpoints.to_owned()),
        (store.damaged_records > 0, damaged),
    ];
    let states = states.into_iter().filter(|(is_so, _)| *is_so);
    failed
        .into_iter()
        .chain(states.map(|(_, text)| text))
        .collect()
}

fn facts(head: &Head, store: &StoreStatistics) -> Vec<(&'static str, String)> {
    let bytes = |bytes: u64| format::bytes(bytes as f64);
    let count = format::count;
    let checkpoint = match store.checkpoints {
        0 => "none yet".to_owned(),
        checkpoints => {
            let each = store.checkpoint_time.div_f64(checkpoints as f64);
            format!(
                "{}, {} each",
                count(checkpoints),
                format::time(each.as_secs_f64())
            )
        }
    };
    let dead = store.log_bytes.saturating_sub(store.live_bytes);
    vec![
        ("Free disk space", bytes(head.number("disk_free"))),
        (
            "Log",
            format!("{} in {}", bytes(store.log_bytes), segments(store.segments)),
        ),
        ("Of messages in queues", bytes(store.live_bytes)),
        ("Of no message any more", bytes(dead)),
        ("Messages in its index", count(store.live_messages)),
        ("Waits to be written", bytes(store.pending_bytes as u64)),
        ("A power loss may take back", bytes(store.unsynced_bytes)),
        ("Checkpoints", checkpoint),
        ("Written since the start", bytes(store.written_bytes)),
        ("Groups written", count(store.groups)),
        (
            "Messages that waited for no sync",
            count(store.relaxed_messages),
        ),
        ("Reads", count(store.reads.count)),
    ]
}

/// How long the start took to open the store, and why.
fn start(head: &Head) -> Vec<(&'static str, String)> {
    let start = &head.node["recovery"];
    let number = |field: &str| start[field].as_u64().unwrap_or_default();
    let took = start["time"].as_f64().unwrap_or_default() / 1_000.0;
    let took = ("Opening the store took", format::time(took));
    let checkpoint = &start["checkpoint"];
    let stop = match start["clean"] == true {
        true => "a clean stop",
        false if checkpoint.is_null() && number("records") == 0 => {
            return vec![took, ("It was", "new".to_owned())];
        }
        false => "a crash",
    };
    let offset = checkpoint["offset"].as_f64().unwrap_or_default();
    let begun_at = match checkpoint["segment"].as_u64() {
        Some(segment) => format!("segment {segment}, {}", format::bytes(offset)),
        None => "its beginning: no checkpoint".to_owned(),
    };
    let read = match number("records") {
        0 => "nothing".to_owned(),
        _ => format!(
            "{} in {}, {}",
            format::several(&[(&start["records"], "record", "records")]),
            segments(number("segments") as usize),
            format::bytes(number("bytes") as f64)
        ),
    };
    vec![
        took,
        ("It came after", stop.to_owned()),
        ("The log was read from", begun_at),
        ("What was read", read),
    ]
}

fn segments(count: usize) -> String {
    match count {
        1 => "1 segment".to_owned(),
        count => format!("{} segments", format::count(count as u64)),
    }
}

impl Syncs {
    fn of(store: &StoreStatistics) -> Self {
        let syncs = &store.syncs;
        let mut before = 0;
        let mut bars = Vec::new();
        for (bound, at_most) in &syncs.at_most {
            bars.push(Bar::new(
                format!("up to {}", format::time(bound.as_secs_f64())),
                at_most - before,
            ));
            before = *at_most;
        }
        bars.push(Bar::new(
            "longer".to_owned(),
            syncs.count.saturating_sub(before),
        ));
        let mean = syncs.time.as_secs_f64() / syncs.count.max(1) as f64;
        let quantile = |(name, share): (&'static str, f64)| {
            let wanted = (share * syncs.count as f64).ceil() as u64;
            let mut bounds = syncs.at_most.iter();
            let found = bounds.find(|(_, at_most)| *at_most >= wanted);
            let text = found.map_or("longer than all bounds".to_owned(), |(bound, _)| {
                format!("at most {}", format::time(bound.as_secs_f64()))
            });
            (name, text)
        };
        Self {
            count: syncs.count,
            mean: format::time(mean),
            bars: used(bars),
            quantiles: QUANTILES.into_iter().map(quantile).collect(),
        }
    }

    fn most(&self) -> u64 {
        let counts = self.bars.iter().map(|bar| bar.count);
        counts.max().unwrap_or_default().max(1)
    }
}

impl Bar {
    fn new(at_most: String, count: u64) -> Self {
        Self {
            at_most,
            count,
            shown: format::count(count),
        }
    }
}

/// Without those at both ends that count nothing.
fn used(bars: Vec<Bar>) -> Vec<Bar> {
    let counts = |bar: &Bar| bar.count > 0;
    let first = bars.iter().position(counts).unwrap_or(bars.len());
    let last = bars.iter().rposition(counts).map_or(first, |last| last + 1);
    bars.into_iter().take(last).skip(first).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn syncs_are_counted_by_their_time() {
        let mut store = StoreStatistics::default();
        let ms = Duration::from_millis;
        store.syncs.count = 10;
        store.syncs.time = ms(50);
        store.syncs.at_most = [(ms(1), 0), (ms(2), 5), (ms(4), 9), (ms(8), 9)].into();
        let syncs = Syncs::of(&store);
        let bars = syncs
            .bars
            .iter()
            .map(|bar| (bar.at_most.as_str(), bar.count));
        let expected = [
            ("up to 2 ms", 5),
            ("up to 4 ms", 4),
            ("up to 8 ms", 0),
            ("longer", 1),
        ];
        assert_eq!(bars.collect::<Vec<_>>(), expected);
        assert_eq!(syncs.mean, "5 ms");
        assert_eq!(syncs.quantiles[0], ("half", "at most 2 ms".to_owned()));
        assert_eq!(syncs.quantiles[1], ("90 %", "at most 4 ms".to_owned()));
        assert_eq!(syncs.quantiles[2].1, "longer than all bounds");
    }
}
