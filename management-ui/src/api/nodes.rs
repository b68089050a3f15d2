//! `/api/nodes`: this node, what it has and uses. It is the only one.

mod memory;
mod usage;

use axum::extract::State;
use ferrymq_broker::clock;
use ferrymq_broker::resources::ProcessReading;
use serde_json::{Map, Value, json};

use crate::answer::{self, Answer};
use crate::api::{node, overview};
use crate::auth::Monitoring;
use crate::http::Site;
use crate::http::path::Names;
use crate::query::{Query, Shown, View};
use crate::statistics::process;

/// Compat: nobody counts threads here; RabbitMQ's default limit of processes.
const MAX_THREADS: u32 = 1_048_576;
/// Compat: seconds after which RabbitMQ gives up a node that is silent.
const NET_TICKTIME_SECONDS: u32 = 60;
/// Compat: files that RabbitMQ's Raft has open.
const RAFT_FILES: [&str; 2] = ["ra_log_wal", "ra_log_segment_writer"];
/// Compat: whose metrics RabbitMQ has yet to forget.
const FORGOTTEN: [&str; 8] = [
    "connection_closed",
    "channel_closed",
    "consumer_deleted",
    "exchange_deleted",
    "queue_deleted",
    "vhost_deleted",
    "node_node_deleted",
    "channel_consumer_deleted",
];

/// `GET /api/nodes`
pub(crate) async fn list(_: Monitoring, State(site): State<Site>, query: Query) -> Answer {
    let rows = vec![Value::from(render(&site, &query.view.whole()))];
    query.list(&site, rows).await
}

/// `GET /api/nodes/{name}`
pub(crate) async fn get(
    _: Monitoring,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    node::check(&site, &name)?;
    let mut shown = render(&site, &query.view);
    if query.flag("memory") {
        shown.insert("memory".into(), memory::breakdown(&site));
    }
    if query.flag("binary") {
        // Compat: what each of Erlang's processes holds on to.
        shown.insert("binary".into(), json!({}));
    }
    Ok(query.object(shown))
}

/// `GET /api/nodes/{name}/memory`
pub(crate) async fn memory(
    _: Monitoring,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    node::check(&site, &name)?;
    Ok(query.object(json!({ "memory": memory::breakdown(&site) })))
}

/// `GET /api/nodes/{name}/memory/relative`
pub(crate) async fn relative_memory(
    _: Monitoring,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    node::check(&site, &name)?;
    Ok(query.object(json!({ "memory": memory::relative(&site) })))
}

/// `GET /api/nodes/{name}/memory/ets`, with or without a filter: Erlang's tables, of which there are none.
pub(crate) async fn tables(
    _: Monitoring,
    State(site): State<Site>,
    Names(names): Names<Vec<String>>,
) -> Answer {
    node::check(&site, names.first().map_or("", String::as_str))?;
    Ok(answer::json(json!({ "ets_tables": "no_tables" })))
}

fn render(site: &Site, view: &View) -> Map<String, Value> {
    let process = process(site);
    let mut shown = Shown::new(view);
    show_facts(site, &process, &mut shown);
    show_abilities(site, &mut shown);
    show_limits(site, &process, &mut shown);
    if !view.disable_stats {
        shown.append(usage::render(site, &process, view));
    }
    shown.into_map()
}

/// What stays as it is.
fn show_facts(site: &Site, process: &ProcessReading, shown: &mut Shown<'_>) {
    let config = site.broker.config();
    let uptime = clock::now().since(site.broker.statistics().started_at);
    let data_dir = std::path::absolute(&config.data_dir);
    let data_dir = data_dir.unwrap_or_else(|_| config.data_dir.clone());
    let log = match &config.log_file {
        Some(file) => file.display().to_string(),
        // Compat: as RabbitMQ names it.
        None => "<stdout>".to_owned(),
    };
    shown.extend([
        ("name", site.node().into()),
        ("type", "disc".into()),
        ("running", true.into()),
        ("being_drained", false.into()),
        // Compat: digits in a string.
        ("os_pid", std::process::id().to_string().into()),
        ("uptime", (uptime.as_millis() as u64).into()),
        ("processors", process.processors.into()),
        ("run_queue", 0.into()),
        ("rates_mode", overview::rates_mode(config.rates_mode).into()),
        ("net_ticktime", NET_TICKTIME_SECONDS.into()),
        ("mem_calculation_strategy", "rss".into()),
        ("db_dir", data_dir.display().to_string().into()),
        ("recovery", recovery(site)),
        ("config_files", json!([])),
        ("log_files", json!([log])),
        ("cluster_links", json!([])),
        ("partitions", json!([])),
        ("rabbitmq_version", config.rabbitmq_version.as_str().into()),
        ("ferrymq_version", env!("CARGO_PKG_VERSION").into()),
        ("erlang_version", "".into()),
        ("erlang_full_version", "".into()),
        ("crypto_lib_version", "".into()),
        ("ra_open_file_metrics", zeros(&RAFT_FILES)),
        ("metrics_gc_queue_length", zeros(&FORGOTTEN)),
    ]);
}

/// What it can do, and where.
fn show_abilities(site: &Site, shown: &mut Shown<'_>) {
    shown.look_up("enabled_plugins", node::plugins);
    shown.look_up("applications", || node::applications(site));
    shown.look_up("exchange_types", node::exchange_types);
    shown.look_up("auth_mechanisms", || node::auth_mechanisms(site));
    shown.look_up("contexts", || node::contexts(site));
}

/// What the start took to open the store, in milliseconds, and what it had to read of the log.
fn recovery(site: &Site) -> Value {
    let opening = site.broker.store().opening();
    let checkpoint = opening.checkpoint;
    let checkpoint =
        checkpoint.map(|place| json!({ "segment": place.segment, "offset": place.offset }));
    json!({
        "time": opening.time.as_secs_f64() * 1_000.0,
        "clean": opening.clean,
        "checkpoint": checkpoint,
        "segments": opening.segments,
        "records": opening.records,
        "bytes": opening.bytes,
    })
}

/// How much it may use, and whether that is too little.
fn show_limits(site: &Site, process: &ProcessReading, shown: &mut Shown<'_>) {
    let config = site.broker.config();
    let alarms = site.broker.alarms();
    let memory = process.total_memory_bytes;
    // Compat: clients read 32 bits.
    let files = u32::try_from(process.max_files).unwrap_or(u32::MAX);
    shown.extend([
        (
            "mem_limit",
            config.memory_high_watermark.bytes(memory).into(),
        ),
        ("mem_alarm", alarms.memory.into()),
        ("disk_free_limit", config.disk_free_limit_bytes.into()),
        ("disk_free_alarm", alarms.disk.into()),
        ("fd_total", files.into()),
        ("sockets_total", files.into()),
        ("proc_total", MAX_THREADS.into()),
    ]);
}

fn zeros(names: &[&str]) -> Value {
    let zeros = names.iter().map(|name| ((*name).to_owned(), 0.into()));
    zeros.collect::<Map<_, _>>().into()
}
