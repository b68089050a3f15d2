//! `/metrics`: what Prometheus reads.

use std::fmt::{Display, Write as _};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use ferrymq_broker::{StoreStatistics as Statistics, clock};

use crate::http::Site;

/// `GET /metrics`
pub(crate) async fn text(State(site): State<Site>) -> impl IntoResponse {
    let broker = &site.broker;
    let alarms = broker.alarms();
    let uptime = clock::now().since(site.started);
    let mut out = String::with_capacity(1024);
    let build = format!(
        "ferrymq_build_info{{version=\"{}\"}}",
        env!("CARGO_PKG_VERSION")
    );
    gauge(
        &mut out,
        "ferrymq_build_info",
        "The version that runs",
        &build,
        1,
    );
    let mut plain = |name: &str, help: &str, value: &dyn Display| {
        gauge(&mut out, name, help, name, value);
    };
    plain(
        "ferrymq_uptime_seconds",
        "Time since the listeners accept",
        &uptime.as_secs(),
    );
    plain(
        "rabbitmq_connections",
        "Connections currently open",
        &broker.connection_count(),
    );
    plain(
        "rabbitmq_alarms_memory_used_watermark",
        "Whether the memory alarm is on",
        &u8::from(alarms.memory),
    );
    plain(
        "rabbitmq_alarms_free_disk_space_watermark",
        "Whether the disk alarm is on",
        &u8::from(alarms.disk),
    );
    sample(
        &mut out,
        "counter",
        "ferrymq_consumer_timeouts_total",
        "Consumers cancelled because they kept a delivery for too long",
        "ferrymq_consumer_timeouts_total",
        site.broker.consumer_timeouts(),
    );
    store(&mut out, site.broker.store().statistics());
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        out,
    )
}

/// What the store says of itself.
fn store(out: &mut String, store: Statistics) {
    let gauges = [
        (
            "ferrymq_store_failed",
            "Whether the log failed: nothing is written or confirmed until a restart",
            u64::from(store.failure.is_some()),
        ),
        (
            "ferrymq_store_disk_full",
            "Whether there is no room on the disk, and messages wait for some",
            u64::from(store.disk_full),
        ),
        (
            "ferrymq_checkpoint_failed",
            "Whether checkpoints failed: the log grows until a restart",
            u64::from(store.checkpoint_failed),
        ),
        (
            "ferrymq_log_bytes",
            "Bytes of the log's segments",
            store.log_bytes,
        ),
        (
            "ferrymq_log_segments",
            "Segments of the log",
            store.segments as u64,
        ),
        (
            "ferrymq_log_pending_bytes",
            "Bytes that wait to be written to the log",
            store.pending_bytes as u64,
        ),
    ];
    for (name, help, value) in gauges {
        gauge(out, name, help, name, value);
    }
    let counters = [
        (
            "ferrymq_log_groups_total",
            "Groups written to the log",
            store.groups,
        ),
        (
            "ferrymq_log_syncs_total",
            "Syncs of the log",
            store.syncs.count,
        ),
        (
            "ferrymq_log_written_bytes_total",
            "Bytes written to the log",
            store.written_bytes,
        ),
        (
            "ferrymq_checkpoints_total",
            "Checkpoints written",
            store.checkpoints,
        ),
        (
            "ferrymq_log_damaged_records_total",
            "Records found damaged",
            store.damaged_records,
        ),
    ];
    for (name, help, value) in counters {
        sample(out, "counter", name, help, name, value);
    }
}

fn gauge(out: &mut String, name: &str, help: &str, line: &str, value: impl Display) {
    sample(out, "gauge", name, help, line, value);
}

fn sample(out: &mut String, kind: &str, name: &str, help: &str, line: &str, value: impl Display) {
    let written = write!(
        out,
        "# TYPE {name} {kind}\n# HELP {name} {help}\n{line} {value}\n"
    );
    debug_assert!(written.is_ok(), "writing to a string can't fail");
}
