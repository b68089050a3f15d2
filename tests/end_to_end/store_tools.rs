//! `ferrymq store`: verify, dump and rebuild, on what a real broker left, whole and damaged.
//!
//! These tests start a broker of their own in any case.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ferrymq_tests::Broker;
use ferrymq_tests::harness::{Options, program};
use lapin::{BasicProperties, Connection, ConnectionProperties, ExchangeKind};
use serde_json::Value;

use crate::support::*;

/// Messages of the queue `orders`, some of them of several frames; the first 10 are acked.
const MESSAGES: u64 = 60;
const ACKED: u64 = 10;
/// Of those, so many went to `copies` too.
const COPIED: u64 = 5;

/// A broker that has filled its store, of some segments.
async fn filled() -> Broker {
    let small_segments = Options::default().configuration("[store]\nsegment_bytes = \"64KiB\"");
    let broker = tokio::task::block_in_place(|| small_segments.start());
    let connection = connect(&broker).await;
    let channel = open_confirming(&connection).await;
    for queue in ["orders", "copies"] {
        durable_queue(&channel, queue).await;
    }
    let durable = lapin::options::ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    declare_exchange(&channel, "fan", ExchangeKind::Fanout, durable)
        .await
        .expect("declare");
    for queue in ["orders", "copies"] {
        bind(&channel, queue, "fan", "").await.expect("bind");
    }
    for number in 0..MESSAGES {
        let exchange = if number < COPIED { "fan" } else { "" };
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type("text/plain".into());
        publish_with(&channel, exchange, "orders", &body(number), properties).await;
    }
    for _ in 0..ACKED {
        let message = get(&channel, "orders").await.expect("a message");
        within(message.ack(Default::default())).await.expect("ack");
    }
    within(connection.close(200, "filled".into()))
        .await
        .expect("close");
    broker
}

async fn connect(broker: &Broker) -> Connection {
    let uri = format!("amqp://guest:guest@{}/%2f", broker.amqp());
    let connected = Connection::connect(&uri, ConnectionProperties::default());
    within(connected).await.expect("connect")
}

fn body(number: u64) -> Vec<u8> {
    let mut body = format!("order {number} ").into_bytes();
    body.resize(
        if number.is_multiple_of(20) {
            200_000
        } else {
            2_000
        },
        b'.',
    );
    body
}

/// A store that was left by a clean stop.
async fn stopped() -> Broker {
    let mut broker = filled().await;
    let status = tokio::task::block_in_place(|| broker.stop());
    assert!(status.success(), "{}", broker.log());
    broker
}

fn store(verb: &str, broker: &Broker, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command
        .args(["store", verb, "--data-dir"])
        .arg(broker.data_directory())
        .args(arguments);
    command.output().expect("run the program")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn exited(output: &Output, code: i32) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{}{said}", text(output));
}

#[track_caller]
fn verify(broker: &Broker, code: i32) -> Value {
    let output = store("verify", broker, &["--json"]);
    exited(&output, code);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The files of its damages.
fn damaged_files(report: &Value) -> Vec<String> {
    let damages = report["damages"].as_array().expect("damages").iter();
    damages
        .map(|damage| damage["file"].as_str().expect("a file").to_owned())
        .collect()
}

/// All files but the lock, with their bytes.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("lock") {
            let bytes = fs::read(&path).expect("a file");
            found.insert(path, bytes);
        }
    }
    found
}

fn segments(broker: &Broker) -> Vec<PathBuf> {
    let log = files(&broker.data_directory().join("log"));
    let segments = log.into_keys();
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|end| end == "segment");
    segments.filter(is_segment).collect()
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("a file");
    change(&mut bytes);
    fs::write(path, bytes).expect("written");
}

/// The records that `arguments` select.
fn dump(broker: &Broker, arguments: &[&str]) -> Vec<Value> {
    let output = store("dump", broker, arguments);
    exited(&output, 0);
    let lines = text(&output);
    let lines = lines.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("JSON lines")
}

/// The place of the `number`th live message of `orders`.
fn place(broker: &Broker, number: usize) -> (PathBuf, usize) {
    let record = &dump(broker, &["--queue", "orders", "--live"])[number];
    let file = record["segment"].as_str().expect("a file");
    let offset = record["offset"].as_u64().expect("an offset") as usize;
    (broker.data_directory().join(file), offset)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_store_is_verified_and_left_alone() {
    let broker = stopped().await;
    let before = files(&broker.data_directory());
    let report = verify(&broker, 0);
    assert_eq!(report["whole"], true, "{report}");
    assert_eq!(report["clean"], true);
    assert_eq!(report["queues"], 2);
    assert_eq!(report["live_messages"], MESSAGES - ACKED + COPIED);
    assert_eq!(report["segments"], segments(&broker).len());
    assert!(report["records"]["publish"].as_u64() >= Some(MESSAGES - ACKED));
    assert!(report["live_bytes"].as_u64() > Some(400_000), "{report}");
    let output = store("verify", &broker, &[]);
    assert!(text(&output).starts_with("whole\n"), "{}", text(&output));
    dump(&broker, &[]);
    assert!(
        files(&broker.data_directory()) == before,
        "it changed something"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_a_store_is_whole_too() {
    let mut broker = filled().await;
    tokio::task::block_in_place(|| broker.kill());
    let report = verify(&broker, 0);
    assert_eq!(report["clean"], false);
    // A kill may take the last acks back.
    let live = report["live_messages"].as_u64().expect("a number");
    let confirmed = MESSAGES + COPIED;
    assert!((confirmed - ACKED..=confirmed).contains(&live), "{report}");
    let output = store("rebuild", &broker, &[]);
    exited(&output, 0);
    verify(&broker, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_broker_is_left_alone() {
    let broker = filled().await;
    for verb in ["verify", "dump", "rebuild"] {
        let output = store(verb, &broker, &[]);
        exited(&output, 2);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let process = format!("in use by process {}", broker.pid());
        assert!(said.contains(&process), "{said}");
    }
    let nowhere = Command::new(program())
        .args(["store", "verify", "--data-dir", "/nowhere"])
        .output();
    exited(&nowhere.expect("run the program"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_is_found_and_rebuilding_wants_force() {
    let mut broker = stopped().await;
    let (path, offset) = place(&broker, 20);
    change(&path, |bytes| bytes[offset + 100] ^= 1);
    let before = files(&broker.data_directory());
    let report = verify(&broker, 1);
    let first = &report["damages"][0];
    assert!(
        path.ends_with(first["file"].as_str().expect("a file")),
        "{report}"
    );
    assert_eq!(first["offset"], offset, "{report}");
    let printed = text(&store("verify", &broker, &[]));
    let line = printed.lines().next().unwrap_or_default();
    assert!(line.contains(&format!("byte {offset}")), "{printed}");

    exited(&store("rebuild", &broker, &[]), 1);
    assert!(
        files(&broker.data_directory()) == before,
        "it changed something"
    );
    exited(&store("rebuild", &broker, &["--force"]), 1);
    tokio::task::block_in_place(|| broker.start_again());
    let connection = connect(&broker).await;
    let channel = open(&connection).await;
    let bodies = drain(&channel, "orders").await;
    assert!(!bodies.is_empty());
    let lost = format!("order {} ", ACKED + 20);
    assert!(!bodies.iter().any(|body| body.starts_with(&lost)));
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_and_missing_segments_are_found() {
    let broker = stopped().await;
    let (path, offset) = place(&broker, 40);
    let bytes = fs::read(&path).expect("a segment");
    change(&path, |bytes| bytes.truncate(offset + 100));
    let report = verify(&broker, 1);
    assert!(!damaged_files(&report).is_empty());
    fs::remove_file(&path).expect("removed");
    let report = verify(&broker, 1);
    let missing = damaged_files(&report);
    assert!(missing.iter().any(|file| path.ends_with(file)), "{report}");
    fs::write(&path, bytes).expect("put back");
    verify(&broker, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_the_log_has_lost_are_missed() {
    let small_segments = Options::default().configuration("[store]\nsegment_bytes = \"64KiB\"");
    let mut broker = tokio::task::block_in_place(|| small_segments.start());
    let connection = connect(&broker).await;
    let channel = open_confirming(&connection).await;
    durable_queue(&channel, "orders").await;
    let persistent = BasicProperties::default().with_delivery_mode(2);
    for number in 1..50 {
        publish_with(&channel, "", "orders", &body(number), persistent.clone()).await;
    }
    drain(&channel, "orders").await;
    let status = tokio::task::block_in_place(|| broker.stop());
    assert!(status.success(), "{}", broker.log());
    verify(&broker, 0);
    fs::remove_file(&segments(&broker)[0]).expect("removed");
    assert_eq!(damaged_files(&verify(&broker, 1)), ["log"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_index_is_found_and_rebuilt() {
    let mut broker = stopped().await;
    let index = broker.data_directory().join("index");
    let whole = fs::read(index.join("db")).expect("a database");
    let garbage: Vec<u8> = whole.iter().map(|byte| byte ^ 0x55).collect();
    for broken in [&whole[..whole.len() / 2], &whole[..100], &[], &garbage] {
        fs::write(index.join("db"), broken).expect("written");
        let report = verify(&broker, 1);
        assert_eq!(damaged_files(&report), ["index"], "{report}");
    }
    let output = store("rebuild", &broker, &[]);
    exited(&output, 0);
    let said = text(&output);
    assert!(said.contains("kept as index.old-1"), "{said}");
    assert!(broker.data_directory().join("index.old-1").is_dir());
    let report = verify(&broker, 0);
    assert_eq!(report["clean"], true, "{report}");
    tokio::task::block_in_place(|| broker.start_again());
    let connection = connect(&broker).await;
    let channel = open(&connection).await;
    let bodies = drain(&channel, "orders").await;
    let last = format!("order {} ", MESSAGES - 1);
    assert!(bodies.len() as u64 >= MESSAGES - ACKED);
    assert!(bodies.last().is_some_and(|body| body.starts_with(&last)));
    assert!(!broker.log().contains("damaged"), "{}", broker.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_printed_as_json_lines() {
    let broker = stopped().await;
    let all = dump(&broker, &[]);
    let kinds = |kind: &str| all.iter().filter(|line| line["kind"] == kind).count();
    for kind in ["group", "publish", "remove", "change"] {
        assert!(kinds(kind) > 0, "{kind}");
    }
    assert_eq!(dump(&broker, &["--limit", "3"]).len(), 3);

    let live = dump(
        &broker,
        &["--queue", "orders", "--vhost", "/", "--live", "--bodies"],
    );
    assert_eq!(live.len() as u64, MESSAGES - ACKED);
    let first = &live[0];
    assert_eq!(first["targets"][0]["queue"], "orders");
    assert_eq!(first["targets"][0]["sequence"], ACKED + 1);
    assert_eq!(first["exchange"], "");
    assert_eq!(first["routing_key"], "orders");
    assert_eq!(first["properties"]["content_type"], "text/plain");
    assert_eq!(first["properties"]["delivery_mode"], 2);
    let expected = String::from_utf8(body(ACKED)).expect("text");
    assert_eq!(first["body"], expected);
    let copies = dump(&broker, &["--queue", "copies", "--live"]);
    assert_eq!(copies.len() as u64, COPIED);
    assert_eq!(copies[0]["body"], Value::Null);
    exited(&store("dump", &broker, &["--queue", "nobody's"]), 2);
}
