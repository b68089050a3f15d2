//! How the numbers of the overview's tiles went in the last 10 minutes, as small drawings.

use std::collections::HashMap;

use serde_json::Value;

use crate::console::chart::catalogue::{Chart, NODE_TILES, TILES};
use crate::console::chart::{self, series};
use crate::console::client::Call;
use crate::console::visit::Visit;

/// What they show, and how far apart their samples are, in seconds.
const AGE: &str = "600";
const STEP: (&str, u64) = ("20", 20);
/// Of a drawing, in pixels.
const SIZE: (u32, u32) = (120, 22);

/// Drawings by the names of their series.
pub(crate) type Sparks = HashMap<&'static str, String>;

/// Those of the broker, or of the vhost that the address names; and of the node, for those who may see it.
pub(super) async fn look(visit: &Visit) -> Sparks {
    let mut sparks = Sparks::new();
    let call = asked(Call::get(&["overview"]));
    let call = match visit.vhost() {
        Some(vhost) => call.header("x-vhost", vhost),
        None => call,
    };
    // Where there is nothing to draw, nothing is drawn.
    let overview = visit.call(call).await.unwrap_or_default();
    draw(&TILES, &overview, &mut sparks);
    if visit.may_monitor() {
        let node = asked(Call::get(&["nodes", visit.console.site.node()]));
        let node = visit.call(node).await.unwrap_or_default();
        draw(&NODE_TILES, &node, &mut sparks);
    }
    sparks
}

/// What stands where the drawing of this name will be, for somebody who sees the node or not; empty if there will be
/// none.
pub(super) fn empty(name: &str, sees_node: bool) -> String {
    let node = NODE_TILES.series.iter().filter(|_| sees_node);
    let mut series = TILES.series.iter().chain(node);
    let series = series.find(|series| series.name == name);
    series.map_or_else(String::new, |series| spark(&[], series.label))
}

/// With the samples that are drawn.
fn asked(call: Call) -> Call {
    let groups = ["lengths", "msg_rates", "node_stats"];
    groups.into_iter().fold(call, |call, group| {
        call.with(&format!("{group}_age"), AGE)
            .with(&format!("{group}_incr"), STEP.0)
    })
}

fn draw(chart: &Chart, object: &Value, sparks: &mut Sparks) {
    let columns = series::columns(chart, object, STEP.1);
    for (series, values) in chart.series.iter().zip(&columns.values) {
        sparks.insert(series.name, spark(values, series.label));
    }
}

fn spark(values: &[Option<f64>], label: &str) -> String {
    let label = format!("{label}, the last 10 minutes");
    chart::spark(values, SIZE.0, SIZE.1, &label)
}
