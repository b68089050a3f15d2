//! `/metrics`: what Prometheus reads.

use std::fmt::{Display, Write as _};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use ferrymq_broker::clock;

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
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        out,
    )
}

fn gauge(out: &mut String, name: &str, help: &str, sample: &str, value: impl Display) {
    let written = write!(
        out,
        "# TYPE {name} gauge\n# HELP {name} {help}\n{sample} {value}\n"
    );
    debug_assert!(written.is_ok(), "writing to a string can't fail");
}
