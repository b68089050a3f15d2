//! `ferrymq perf`: the load generator against a real broker: its figures, its verdicts, its exit codes.
//!
//! These tests start a broker of their own in any case.

use std::fs;
use std::process::{Child, Command, Output, Stdio};

use ferrymq_tests::Broker;
use ferrymq_tests::harness::program;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Exit codes.
const BROKEN: i32 = 1;
const USAGE: i32 = 2;
const MISSED: i32 = 3;

/// The command for `words`, which begin with a subcommand if there is one.
fn command(broker: &Broker, words: &str) -> Command {
    let mut command = Command::new(program());
    command.arg("perf").args(words.split_whitespace());
    command.arg("--uri");
    command.arg(format!("amqp://guest:guest@{}/%2f", broker.amqp()));
    command
}

fn run(broker: &Broker, words: &str) -> Output {
    command(broker, words).output().expect("perf runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs with `--json`, expects an exit code, and reads the document.
fn report(broker: &Broker, words: &str, code: i32) -> Value {
    let output = run(broker, &format!("{words} --json"));
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{words}: {out}{err}");
    serde_json::from_str(&out).unwrap_or_else(|why| panic!("{words}: {why} in {out}{err}"))
}

/// A load that must lose nothing: so many sent, each of them received `copies` times.
fn all_is_well(broker: &Broker, words: &str, sent: u64, copies: u64) -> Value {
    let report = report(broker, words, 0);
    assert_eq!(report["sent"], sent, "{words}: {report:#}");
    assert_eq!(report["received"], sent * copies, "{words}: {report:#}");
    assert_eq!(report["clean"], true, "{words}: {report:#}");
    assert_eq!(report["verified"]["lost"], 0, "{words}: {report:#}");
    assert_eq!(report["missed_thresholds"], Value::Array(Vec::new()));
    report
}

#[test]
fn loads_of_all_kinds_lose_nothing() {
    let broker = Broker::start();
    let check = |words, sent, copies| all_is_well(&broker, words, sent, copies);
    check("--messages 3000", 3_000, 1);
    check(
        "-C 3000 -x 2 -X 3 -y 2 -Y 2 --queues 3 --confirm 50",
        3_000,
        1,
    );
    check("-C 3000 --producer-tx 100 --consumer-tx 10", 3_000, 1);
    check("-C 1001 --producer-tx 100 -X 2", 1_001, 1);
    check("-C 300 --size 100:80,200000:20 --body random", 300, 1);
    check("-C 500 --poll --queues 3 -Y 2 --no-ack", 500, 1);
    check("-C 500 --nack", 500, 1);
    check(
        "-C 500 --queue-pattern many-%03d --queue-from 8 --queue-to 12",
        500,
        1,
    );
    check("-C 500 -t fanout --queues 4", 500, 4);
    check("-C 500 -t topic --queues 4 --bindings 5", 500, 1);
    check("-C 500 -t topic -K --queues 2 --binding-key #", 500, 2);
    check("-C 500 -t x-consistent-hash -K --queues 4", 500, 1);
    check(
        "-C 500 -t headers --header a=1 --binding-arg a=1 --queues 2",
        500,
        2,
    );
    check(
        "-C 500 --fill-first -Q 100 -q 0 --consumer-arg x-priority=5",
        500,
        1,
    );
    check(
        "-C 500 --priority 1,5 --queue-arg x-max-priority=9 --expiration 1h --property type=t",
        500,
        1,
    );
    check("-C 500 --backlog 50 --consumer-latency 10us", 500, 1);
    check("--scenario quorum --messages 500", 500, 1);
    check("--scenario topic -C 500 --queues 7", 500, 1);
}

#[test]
fn latencies_are_told_apart() {
    let broker = Broker::start();
    let report = all_is_well(
        &broker,
        "-C 500 --rate 2000 --durable --persistent -c 100",
        500,
        1,
    );
    for kind in ["latency_ns", "confirm_latency_ns"] {
        let latency = &report[kind];
        assert_eq!(latency["count"], 500, "{kind}: {report:#}");
        let values = ["min", "p50", "p95", "p99", "p99.9", "max"];
        let values = values.map(|name| latency[name].as_u64().expect(name));
        assert!(values.is_sorted(), "{kind}: {report:#}");
    }
    assert_eq!(report["confirmed"], 500);
    let unpaced = all_is_well(&broker, "-C 500", 500, 1);
    assert_eq!(unpaced["confirm_latency_ns"], Value::Null);
}

#[test]
fn a_slow_broker_is_not_forgiven() {
    let broker = Broker::start();
    // A consumer that takes 5 ms per message falls behind at once: the last of 100 waits for 99 others.
    let words = "-C 100 --rate 1000 --prefetch 1 --consumer-latency 5ms";
    let report = all_is_well(&broker, words, 100, 1);
    let max = report["latency_ns"]["max"].as_u64().expect("a number");
    assert!(max > 300_000_000, "{report:#}");
}

#[test]
fn what_a_queue_drops_is_lost() {
    let broker = Broker::start();
    let limited = "-C 100 --fill-first --drain-timeout 0.3 --queue-arg x-max-length=10";
    let report_of = |words: &str| report(&broker, words, BROKEN);
    let dropped = report_of(limited);
    assert_eq!(dropped["verified"]["lost"], 90, "{dropped:#}");
    assert_eq!(dropped["clean"], false);
    let words = format!("{limited} --queue-arg x-overflow=reject-publish --confirm 5");
    let refused = report_of(&words);
    assert_eq!(refused["nacked"], 90, "{refused:#}");
    assert_eq!(refused["confirmed"], 10, "{refused:#}");
    let words = "-C 100 -e amq.direct -k nobody --mandatory --predeclared -y 0";
    assert_eq!(report_of(words)["returned"], 100);
}

#[test]
fn what_comes_again_is_not_a_duplicate() {
    let broker = Broker::start();
    let report = all_is_well(&broker, "-C 1000 --requeue-every 10 -q 50", 1_000, 1);
    assert_eq!(report["requeued"], 100, "{report:#}");
    assert!(report["redelivered"].as_u64() >= Some(100), "{report:#}");
}

#[test]
fn messages_of_an_earlier_run_can_be_consumed() {
    let broker = Broker::start();
    report(&broker, "-C 200 -y 0 -c 10 --keep-queue", 0);
    let some = report(&broker, "-x 0 -D 50 -q 1 --keep-queue", 0);
    assert!(some["received"].as_u64() >= Some(50), "{some:#}");
    let left = 200 - some["received"].as_u64().expect("a number");
    let rest = report(&broker, &format!("-x 0 -C {left}"), 0);
    assert_eq!(rest["received"], left, "{rest:#}");
}

#[test]
fn thresholds_have_an_exit_code_of_their_own() {
    let broker = Broker::start();
    let met =
        "-C 200 --rate 1000 -c 10 --min-rate 1 --max-p50 1h --max-p99 1h --max-confirm-p99 1h";
    all_is_well(&broker, met, 200, 1);
    let check = |words: &str, missed: &[&str]| {
        let report = report(&broker, words, MISSED);
        let found = report["missed_thresholds"].as_array().expect("a list");
        assert_eq!(found.len(), missed.len(), "{report:#}");
        for (found, option) in found.iter().zip(missed) {
            let found = found.as_str().expect("text");
            assert!(found.starts_with(option), "{found}");
        }
    };
    check("-C 200 --min-rate 1e9", &["--min-rate", "--min-rate"]);
    check(
        "-C 200 --rate 1000 --max-p50 1ns --max-p99 1ns",
        &["--max-p50", "--max-p99"],
    );
    check(
        "-C 200 -c 10 -y 0 --max-confirm-p99 1ns",
        &["--max-confirm-p99"],
    );
    check(
        "channel-churn -C 20 --max-p99 1ns --min-rate 1e9",
        &["--min-rate", "--max-p99"],
    );
    check("queue-count -x 5 --min-rate 1e9", &["--min-rate"]);
    // Lost messages weigh more.
    let words =
        "-C 100 --fill-first --drain-timeout 0.3 --queue-arg x-max-length=10 --min-rate 1e9";
    report(&broker, words, BROKEN);
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let broker = Broker::start();
    for words in [
        "--no-ack --nack",
        "--routing-key k",
        "--sail",
        "--scenario nonsense",
        "--body-file /nonexistent",
        "--uri nonsense",
        "--uri amqps://localhost",
        "queue-churn --rate 5",
    ] {
        let output = run(&broker, words);
        assert_eq!(output.status.code(), Some(USAGE), "{words}");
        assert!(!output.stderr.is_empty(), "{words}");
        assert!(output.stdout.is_empty(), "{words}");
    }
}

#[test]
fn a_refusal_of_the_broker_is_a_failed_run() {
    let broker = Broker::start();
    let output = run(&broker, "-C 10 --predeclared --queue nowhere");
    assert_eq!(output.status.code(), Some(BROKEN));
    let said = text(&output.stderr);
    assert!(said.contains("404") && said.contains("nowhere"), "{said}");
}

#[test]
fn intervals_as_csv_and_histograms_as_files() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let [ours, confirms] = ["latency.txt", "confirms.txt"].map(|name| folder.path().join(name));
    let words = format!(
        "-C 500 --rate 1000 -c 50 --csv --interval 0.1 --histogram {} --confirm-histogram {}",
        ours.display(),
        confirms.display()
    );
    let output = run(&broker, &words);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let rows = text(&output.stdout);
    let mut rows = rows.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let header = rows.next().expect("a header");
    assert_eq!(
        header[..3],
        ["elapsed_seconds", "sent_per_second", "received_per_second"]
    );
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() >= 2, "{rows:?}");
    assert!(rows.iter().all(|row| row.len() == header.len()), "{rows:?}");
    assert!(text(&output.stderr).contains("everything in order"));
    for file in [ours, confirms] {
        let histogram = fs::read_to_string(&file).expect("a histogram");
        assert!(histogram.contains("1/(1-Percentile)"), "{histogram}");
        assert!(
            histogram.contains("Total count    =          500]"),
            "{histogram}"
        );
    }
}

#[test]
fn churn_goes_on_until_it_is_enough() {
    let broker = Broker::start();
    for name in ["connection", "channel", "queue", "bind", "consumer"] {
        let words = format!("{name}-churn --operations 30 --concurrency 2");
        let report = report(&broker, &words, 0);
        assert_eq!(report["operation"], name);
        assert_eq!(report["operations"], 30, "{report:#}");
        assert_eq!(report["latency_ns"]["count"], 30, "{report:#}");
    }
    let pid = broker.pid();
    for (name, object) in [("connection", "connection"), ("queue", "queue")] {
        let words = format!("{name}-count --count 30 --broker-pid {pid}");
        let report = report(&broker, &words, 0);
        assert_eq!(report["object"], object);
        assert_eq!(report["count"], 30);
        assert!(
            report["broker_resident_bytes"].as_u64() > Some(0),
            "{report:#}"
        );
    }
}

/// Starts a run, waits until its first line, and interrupts it.
fn interrupted(broker: &Broker, words: &str) -> Child {
    let child = command(broker, words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("perf runs");
    let mut first = [0; 1];
    let stderr = child.stderr.as_mut().expect("a pipe");
    std::io::Read::read_exact(stderr, &mut first).expect("a first line");
    interrupt(&child);
    child
}

fn interrupt(child: &Child) {
    let pid = Pid::from_child(child);
    kill_process(pid, Signal::INT).expect("it runs");
}

#[test]
fn an_interrupted_run_ends_with_its_summary() {
    let broker = Broker::start();
    let words = "--duration 1h --rate 500 --interval 0.1 --json";
    let child = interrupted(&broker, words);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["interrupted"], true);
    assert_eq!(report["sent"], report["received"], "{report:#}");
    let words = "channel-churn --duration 1h --interval 0.1 --json";
    let output = interrupted(&broker, words).wait_with_output();
    assert_eq!(output.expect("it ends").status.code(), Some(0));
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let broker = Broker::start();
    // Nobody acks for an hour, so the rest does not come.
    let words = "--duration 1h --rate 500 -q 1 --consumer-latency 1h --interval 0.1 --json";
    let mut child = interrupted(&broker, words);
    let mut said = String::new();
    let stderr = child.stderr.as_mut().expect("a pipe");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stderr));
    while !said.contains("once more") {
        said = lines.next().expect("a line").expect("text");
    }
    interrupt(&child);
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
}
