//! `SIGHUP`: what changes at once, what needs a restart, and what a mistake does.

use std::path::Path;

use ferrymq_tests::Broker;
use ferrymq_tests::harness::Options;
use ferrymq_tests::raw::{Connection, Login};
use rustix::process::Signal;

use crate::support::*;

/// A broker on a file that a test can change.
fn start(directory: &Path, toml: &str) -> Broker {
    let path = write(directory, "ferrymq.toml", toml);
    Options::default()
        .argument("--config")
        .argument(path.to_str().expect("UTF-8"))
        .start()
}

fn reload(broker: &Broker, directory: &Path, toml: &str) {
    write(directory, "ferrymq.toml", toml);
    signal(broker, Signal::HUP);
}

fn heartbeat(broker: &Broker) -> u16 {
    let connection = Connection::connect(broker.amqp());
    connection.start();
    connection.log_in(&Login::plain("guest", "guest")).heartbeat
}

#[test]
fn live_settings_change_at_once() {
    let files = directory(&[]);
    let broker = start(files.path(), "[amqp]\nheartbeat = 10\n");
    assert_eq!(heartbeat(&broker), 10);
    reload(
        &broker,
        files.path(),
        "[amqp]\nheartbeat = 20\nframe_max = 8192\n[log]\nlevels = { connection = 'none' }\n\
         [memory]\nhigh_watermark = '1B'\n[limits]\nconnection_max = 5\n",
    );
    broker.wait_for_log("setting amqp.heartbeat is 20 from now on, it was 10");
    broker.wait_for_log("setting limits.connection_max is 5 from now on");
    broker.wait_for_log("setting amqp.frame_max is 131072 until the next start, then 8192");
    // What depends on settings follows.
    broker.wait_for_log("Memory high watermark set to 0 MiB (1 bytes)");
    broker.wait_for_log("memory resource limit alarm set on node");
    assert_eq!(heartbeat(&broker), 20);
    reload(&broker, files.path(), "[amqp]\nheartbeat = 20\n");
    broker.wait_for_log("memory resource limit alarm cleared");
}

#[test]
fn a_mistake_changes_nothing() {
    let files = directory(&[]);
    let broker = start(files.path(), "[amqp]\nheartbeat = 10\n");
    reload(
        &broker,
        files.path(),
        "[amqp]\nheartbeat = 20\nhandshake_timeout = 5\n",
    );
    broker.wait_for_log("the configuration is kept as it was");
    broker.wait_for_log("`amqp.handshake_timeout`: 5");
    assert_eq!(heartbeat(&broker), 10);
    reload(&broker, files.path(), "[amqp]\nheartbeat = 10\n");
    broker.wait_for_log("the configuration was read again; nothing has changed");
}
