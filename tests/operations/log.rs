//! The log: words that people search for, fields for programs, levels, files.

use ferrymq_tests::Broker;
use ferrymq_tests::harness::Options;
use ferrymq_tests::raw::{Connection, Login, queue};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::*;

#[test]
fn a_connections_life_is_told_in_known_words() {
    let broker = Broker::start();
    let connection = Connection::open(broker.amqp());
    broker.wait_for_log("accepting AMQP connection 127.0.0.1:");
    broker.wait_for_log("user 'guest' authenticated and granted access to vhost '/'");
    let channel = connection.channel();
    channel.send(queue::Purge {
        queue: "nowhere".into(),
        nowait: false,
    });
    channel.refused(404, "no queue 'nowhere'");
    let line = broker.wait_for_log("Channel error on connection");
    assert!(
        line.contains(", channel 1: operation queue.purge"),
        "{line}"
    );
    assert!(
        line.contains("caused a channel exception not_found: "),
        "{line}"
    );
    connection.close();
    let line = broker.wait_for_log("closing AMQP connection (127.0.0.1:");
    assert!(
        line.contains("vhost: '/', user: 'guest', duration: '"),
        "{line}"
    );
    Connection::open(broker.amqp()).drop_socket();
    broker.wait_for_log("client unexpectedly closed TCP connection");
    let connection = Connection::connect(broker.amqp());
    connection.start();
    connection.send_start_ok(&Login::plain("guest", "wrong"));
    let line = broker.wait_for_log("Error on AMQP connection");
    assert!(
        line.contains("user 'guest' - invalid credentials"),
        "{line}"
    );
}

#[test]
fn json_lines_have_fields() {
    let broker = Options::default()
        .configuration("[log]\nformat = 'json'")
        .start();
    let connection = Connection::open(broker.amqp());
    let line = broker.wait_for_log("authenticated and granted");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["level"], "info");
    assert_eq!(line["user"], "guest");
    assert_eq!(line["vhost"], "/");
    assert!(line["conn"].is_u64(), "{line}");
    assert!(
        line["peer"]
            .as_str()
            .is_some_and(|peer| peer.starts_with("127.0.0.1:"))
    );
    connection.close();
}

#[test]
fn a_category_has_a_level_of_its_own() {
    let broker = Options::default()
        .configuration("[log]\nlevels = { connection = 'none' }")
        .start();
    Connection::open(broker.amqp()).close();
    let connection = Connection::connect(broker.amqp());
    connection.send_bytes(b"GET / HT");
    connection.read_bytes(8);
    assert!(
        !broker.log().contains("AMQP connection"),
        "{}",
        broker.log()
    );
}

#[test]
fn the_logs_file_is_opened_anew() {
    let files = directory(&[]);
    let (path, moved) = (files.path().join("log"), files.path().join("log.1"));
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let toml = format!("[log]\nfile = '{}'", path.display());
    let config = write(files.path(), "f.toml", &toml);
    let data = files.path().join("data");
    let mut child = std::process::Command::new(ferrymq_tests::harness::program())
        .args([
            "serve",
            "--amqp-listen",
            "127.0.0.1:0",
            "--http-listen",
            "127.0.0.1:0",
        ])
        .args(["--metrics-listen", "none", "--config"])
        .arg(&config)
        .arg("--data-dir")
        .arg(data)
        .spawn()
        .expect("start the program");
    let pid = rustix::process::Pid::from_child(&child);
    let signal = |signal| rustix::process::kill_process(pid, signal).expect("it runs");
    wait_for("the start", || {
        read(&path)
            .contains("Server startup complete")
            .then_some(())
    });
    std::fs::rename(&path, &moved).expect("move the file");
    signal(Signal::USR1);
    wait_for("a new file", || {
        read(&path)
            .contains("the log was opened anew")
            .then_some(())
    });
    signal(Signal::TERM);
    assert!(child.wait().expect("an exit status").success());
    assert!(read(&path).contains("stopped"));
    assert!(!read(&moved).contains("stopped"));
}
