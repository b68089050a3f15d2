//! `overview`: is everything well, what needs attention, and how much is going on?

mod first_message;
pub(super) mod glance;
mod sparks;
mod tiles;

use askama::Template;
use serde_json::Value;

use super::chart::catalogue;
use super::charts::Charts;
use super::client::{Call, Problem};
use super::copy_as::CopyAs;
use super::page::{Page, Part, Sample};
use super::shell::Shell;
use super::visit::Visit;
pub(super) use first_message::FirstMessage;
use glance::Shown;
use tiles::Tile;

/// What the page shows of the overview and of the node, charts included.
const OF_OVERVIEW: &str = "listeners,object_totals,queue_totals,message_stats,churn_rates,recv_oct,recv_oct_details,\
    send_oct,send_oct_details";
const OF_NODE: &str = "mem_used,mem_limit,mem_alarm,disk_free,disk_free_limit,disk_free_alarm,fd_used,fd_total,\
    processors,cpu_time_details,db_dir,io_sync_avg_time,io_sync_avg_time_details,io_write_avg_time,\
    io_write_avg_time_details,io_read_avg_time,io_read_avg_time_details";

/// The page.
#[derive(Template)]
#[template(path = "overview.html", blocks = ["banner", "attention", "top"])]
pub(super) struct Overview {
    shell: Shell,
    copy_as: CopyAs,
    /// What is wrong with the broker itself; nothing when all is well.
    alarms: Vec<Alarm>,
    tiles: Vec<Tile>,
    /// `None` while it is looked up.
    glance: Option<Shown>,
    charts: Charts,
    /// For those who have no queue yet.
    first_message: Option<FirstMessage>,
    overview: Value,
    may_monitor: bool,
}

/// Something that stops publishers.
struct Alarm {
    title: &'static str,
    /// Why, and what helps.
    about: String,
}

impl Page for Overview {
    const NAME: &'static str = "overview";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let call = Call::get(&["overview"]);
        let call = match visit.vhost() {
            Some(vhost) => call.header("x-vhost", vhost),
            None => call,
        };
        let overview = call.clone().with("columns", OF_OVERVIEW);
        let overview = visit.call(Charts::asked(visit, overview)).await?;
        let name = visit.console.site.node();
        let node = Call::get(&["nodes", name]).with("columns", OF_NODE);
        let node = Charts::asked(visit, node);
        let node = match visit.may_monitor() {
            true => visit.call(node).await?,
            false => Value::Null,
        };
        let glance = glance::of(visit).await;
        let charts = Charts::new(visit, "overview", &[], &overview);
        let latency = catalogue::find("disk", "latency").map(|chart| ("disk", chart));
        let charts = match latency.filter(|_| node.is_object()) {
            Some(latency) => charts.and(visit, latency, &[("name", name)], &node),
            None => charts,
        };
        let has_queues = overview["object_totals"]["queues"].as_u64() > Some(0);
        Ok(Self {
            shell: Shell::new(visit, "Overview"),
            copy_as: CopyAs::new(visit, &call, None, &["status"]),
            alarms: alarms(&node),
            tiles: tiles::of(visit, &overview, &node, glance.as_deref()),
            glance,
            charts,
            first_message: (!has_queues).then(|| FirstMessage::new(visit)),
            may_monitor: visit.may_monitor(),
            overview,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let tiles = self.tiles.iter();
        let tiles = tiles.map(|tile| Part::new(&tile.place(), tile));
        let blocks = [
            Part::new("banner", &self.as_banner()),
            Part::new("attention", &self.as_attention()),
            Part::new("top", &self.as_top()),
        ];
        tiles.chain(blocks).collect()
    }

    fn samples(&self) -> Vec<Sample> {
        self.charts.samples()
    }
}

impl Overview {
    /// Where somebody can connect.
    fn listeners(&self) -> &[Value] {
        self.overview["listeners"]
            .as_array()
            .map_or(&[], Vec::as_slice)
    }
}

fn alarms(node: &Value) -> Vec<Alarm> {
    let bytes = |field: &str| super::format::bytes(node[field].as_f64().unwrap_or_default());
    let mut alarms = Vec::new();
    if node["mem_alarm"] == true {
        alarms.push(Alarm {
            title: "Memory alarm: publishers wait",
            about: format!(
                "{} are used, the limit is {}. Consume what waits, or raise memory.high_watermark.",
                bytes("mem_used"),
                bytes("mem_limit")
            ),
        });
    }
    if node["disk_free_alarm"] == true {
        alarms.push(Alarm {
            title: "Disk alarm: publishers wait",
            about: format!(
                "{} are free, the limit is {}. Free some space at {}.",
                bytes("disk_free"),
                bytes("disk_free_limit"),
                node["db_dir"].as_str().unwrap_or_default()
            ),
        });
    }
    alarms
}
