//! The charts of each kind of object: a row per chart, and where the API's answers hold its numbers.

use super::unit::Unit;

/// A chart: some numbers of one object over time.
pub(crate) struct Chart {
    /// In addresses; unique among those of the same kind of object.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) series: &'static [Series],
}

/// One line of a chart.
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    /// The number of its colour, 1 to 8: the same for a name in all charts.
    pub(crate) colour: u8,
    /// Where the object holds the number, as a JSON pointer; how it went stands beside it, in `…_details`.
    pub(crate) path: &'static str,
    pub(crate) movement: Movement,
}

/// What of a number is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Movement {
    /// How fast it grows, per second.
    Counter,
    /// What it is.
    Gauge,
}

/// The charts of a kind of object, most important first; none of what has none.
pub(crate) fn charts(of: &str) -> &'static [Chart] {
    match of {
        "overview" => OVERVIEW,
        "vhost" => VHOST,
        "queue" => QUEUE,
        "exchange" => EXCHANGE,
        "connection" => CONNECTION,
        "channel" => CHANNEL,
        "node" => NODE,
        "disk" => DISK,
        _ => &[],
    }
}

/// The chart called `name` of a kind of object.
pub(crate) fn find(of: &str, name: &str) -> Option<&'static Chart> {
    charts(of).iter().find(|chart| chart.name == name)
}

const OVERVIEW: &[Chart] = &[
    chart(
        "depth",
        "Queued messages",
        Unit::Messages,
        &[
            gauge("ready", "Ready", 1, "/queue_totals/messages_ready"),
            gauge(
                "unacked",
                "Unacked",
                2,
                "/queue_totals/messages_unacknowledged",
            ),
            gauge("total", "Total", 4, "/queue_totals/messages"),
        ],
    ),
    RATES_OF_PUBLISHERS,
    DATA,
    chart(
        "disk",
        "Disk operations",
        Unit::Rate,
        &[
            counter("read", "Read", 3, "/message_stats/disk_reads"),
            counter("write", "Write", 1, "/message_stats/disk_writes"),
        ],
    ),
    chart(
        "connections",
        "Connection churn",
        Unit::Rate,
        &[
            counter("opened", "Opened", 3, "/churn_rates/connection_created"),
            counter("closed", "Closed", 5, "/churn_rates/connection_closed"),
        ],
    ),
    chart(
        "channels",
        "Channel churn",
        Unit::Rate,
        &[
            counter("opened", "Opened", 3, "/churn_rates/channel_created"),
            counter("closed", "Closed", 5, "/churn_rates/channel_closed"),
        ],
    ),
    chart(
        "queues",
        "Queue churn",
        Unit::Rate,
        &[
            counter("declared", "Declared", 1, "/churn_rates/queue_declared"),
            counter("created", "Created", 3, "/churn_rates/queue_created"),
            counter("deleted", "Deleted", 5, "/churn_rates/queue_deleted"),
        ],
    ),
];

/// What the overview's tiles draw of the broker,
pub(crate) const TILES: Chart = chart(
    "tiles",
    "Tiles",
    Unit::Count,
    &[
        PUBLISH,
        DELIVER,
        ACK,
        gauge("ready", "Ready", 1, "/queue_totals/messages_ready"),
        gauge(
            "unacked",
            "Unacked",
            2,
            "/queue_totals/messages_unacknowledged",
        ),
    ],
);

/// and of the node.
pub(crate) const NODE_TILES: Chart = chart(
    "tiles",
    "Tiles",
    Unit::Count,
    &[
        gauge("connections", "Connections", 3, "/sockets_used"),
        counter("cpu", "Processors", 1, "/cpu_time"),
        gauge("memory", "Memory", 1, "/mem_used"),
        gauge("free", "Disk free", 3, "/disk_free"),
        gauge("files", "File descriptors", 1, "/fd_used"),
    ],
);

const VHOST: &[Chart] = &[DEPTH, RATES_OF_PUBLISHERS, DATA];

const QUEUE: &[Chart] = &[
    DEPTH,
    chart(
        "rates",
        "Message rates",
        Unit::Rate,
        &[PUBLISH, DELIVER, ACK, REDELIVER],
    ),
];

const EXCHANGE: &[Chart] = &[chart(
    "rates",
    "Message rates",
    Unit::Rate,
    &[
        counter("in", "In", 1, "/message_stats/publish_in"),
        counter("out", "Out", 3, "/message_stats/publish_out"),
        counter("unroutable", "Unroutable", 5, "/message_stats/unroutable"),
    ],
)];

const CONNECTION: &[Chart] = &[DATA];

const CHANNEL: &[Chart] = &[RATES_OF_PUBLISHERS];

const NODE: &[Chart] = &[
    chart(
        "cpu",
        "Processors",
        Unit::Processors,
        &[counter("cpu", "In use, of one", 1, "/cpu_time")],
    ),
    chart(
        "memory",
        "Memory",
        Unit::Bytes,
        &[gauge("memory", "In use", 1, "/mem_used")],
    ),
    chart(
        "files",
        "Open files",
        Unit::Count,
        &[
            gauge("files", "Files and sockets", 1, "/fd_used"),
            gauge("connections", "Connections", 3, "/sockets_used"),
        ],
    ),
    chart(
        "threads",
        "Threads",
        Unit::Count,
        &[gauge("threads", "Threads", 1, "/proc_used")],
    ),
    chart(
        "switches",
        "Context switches",
        Unit::Rate,
        &[counter("switches", "Switches", 1, "/context_switches")],
    ),
];

const DISK: &[Chart] = &[
    chart(
        "latency",
        "Disk latency",
        Unit::Time,
        &[
            gauge("sync", "Sync", 4, "/io_sync_avg_time"),
            gauge("write", "Write", 1, "/io_write_avg_time"),
            gauge("read", "Read", 3, "/io_read_avg_time"),
        ],
    ),
    chart(
        "operations",
        "Log, operations",
        Unit::Rate,
        &[
            counter("sync", "Sync", 4, "/io_sync_count"),
            counter("write", "Write", 1, "/io_write_count"),
            counter("read", "Read", 3, "/io_read_count"),
        ],
    ),
    chart(
        "data",
        "Log, bytes",
        Unit::ByteRate,
        &[
            counter("write", "Write", 1, "/io_write_bytes"),
            counter("read", "Read", 3, "/io_read_bytes"),
        ],
    ),
    chart(
        "free",
        "Disk space",
        Unit::Bytes,
        &[gauge("free", "Free", 3, "/disk_free")],
    ),
];

const DEPTH: Chart = chart(
    "depth",
    "Queued messages",
    Unit::Messages,
    &[
        gauge("ready", "Ready", 1, "/messages_ready"),
        gauge("unacked", "Unacked", 2, "/messages_unacknowledged"),
        gauge("total", "Total", 4, "/messages"),
    ],
);

const DATA: Chart = chart(
    "data",
    "Data rates",
    Unit::ByteRate,
    &[
        counter("received", "From clients", 1, "/recv_oct"),
        counter("sent", "To clients", 3, "/send_oct"),
    ],
);

const RATES_OF_PUBLISHERS: Chart = chart(
    "rates",
    "Message rates",
    Unit::Rate,
    &[
        PUBLISH,
        counter("confirm", "Confirm", 6, "/message_stats/confirm"),
        DELIVER,
        ACK,
        REDELIVER,
        counter(
            "returned",
            "Returned",
            7,
            "/message_stats/return_unroutable",
        ),
        counter("dropped", "Dropped", 5, "/message_stats/drop_unroutable"),
    ],
);

const PUBLISH: Series = counter("publish", "Publish", 1, "/message_stats/publish");
const DELIVER: Series = counter("deliver", "Deliver, get", 3, "/message_stats/deliver_get");
const ACK: Series = counter("ack", "Ack", 4, "/message_stats/ack");
const REDELIVER: Series = counter("redeliver", "Redeliver", 2, "/message_stats/redeliver");

const fn chart(
    name: &'static str,
    title: &'static str,
    unit: Unit,
    series: &'static [Series],
) -> Chart {
    Chart {
        name,
        title,
        unit,
        series,
    }
}

const fn counter(
    name: &'static str,
    label: &'static str,
    colour: u8,
    path: &'static str,
) -> Series {
    Series {
        name,
        label,
        colour,
        path,
        movement: Movement::Counter,
    }
}

const fn gauge(name: &'static str, label: &'static str, colour: u8, path: &'static str) -> Series {
    Series {
        movement: Movement::Gauge,
        ..counter(name, label, colour, path)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const KINDS: [&str; 8] = [
        "overview",
        "vhost",
        "queue",
        "exchange",
        "connection",
        "channel",
        "node",
        "disk",
    ];

    #[test]
    fn a_name_has_one_colour_and_a_chart_each_once() {
        let mut colours = BTreeMap::new();
        for chart in KINDS.iter().flat_map(|of| charts(of)) {
            let mut of_chart = Vec::new();
            for series in chart.series {
                assert!((1..=8).contains(&series.colour));
                let known = colours.insert(series.name, series.colour);
                assert_eq!(known.unwrap_or(series.colour), series.colour);
                assert!(!of_chart.contains(&series.colour), "{}", chart.title);
                of_chart.push(series.colour);
            }
        }
    }

    #[test]
    fn charts_are_found_by_name() {
        for of in KINDS {
            for chart in charts(of) {
                let found = find(of, chart.name).expect("itself");
                assert_eq!(found.title, chart.title);
            }
        }
        assert!(find("queue", "memory").is_none());
        assert!(find("ship", "depth").is_none());
    }
}
