//! Shapes of the output, and what a bad command line gets.

use std::process::{Command, Stdio};

use ferrymq_tests::harness::{Broker, program};

use crate::runner::{Ctl, ctl};

#[test]
fn lists_have_four_shapes() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("declare_queue q");
    let check = |flags: &str, expected: &str| {
        let line = format!("{flags} list_queues name messages");
        assert_eq!(ctl().ok(&line), expected, "{flags}");
    };
    check("-q", "name\tmessages\nq\t0\n");
    check("--silent", "q\t0\n");
    check("-q --no-table-headers", "q\t0\n");
    check("--json", "[\n{\"name\":\"q\",\"messages\":0}\n]\n");
    check(
        "--formatter json",
        "[\n{\"name\":\"q\",\"messages\":0}\n]\n",
    );
    check("--formatter csv", "\"name\",\"messages\"\n\"q\",\"0\"\n");
    check(
        "-q --formatter pretty_table",
        "┌──────┬──────────┐\n│ name │ messages │\n├──────┼──────────┤\n│ q    │ 0        │\n\
         └──────┴──────────┘\n",
    );
}

#[test]
fn flags_may_stand_anywhere() {
    let broker = Broker::start();
    let one = ctl(&broker).ok("-n rabbit@host -q -t 60 list_exchanges -p / name");
    let other =
        ctl(&broker).ok("list_exchanges --quiet --node x@y --vhost / -l --timeout infinity");
    assert!(one.contains("\namq.topic\n"), "{one}");
    assert!(other.contains("\namq.topic\ttopic\n"), "{other}");
}

#[test]
fn a_command_line_that_cannot_be_meant_is_told() {
    let check = |line: &str, expected: &str| {
        let words = format!("ctl {line}");
        let error = Ctl::new(program()).fails(&words, 64);
        assert!(error.contains(expected), "{line}: {error}");
    };
    check("", "Usage: ferrymq ctl");
    check("list_queue", "'list_queues'");
    check("list_queues nam", "a similar value exists: 'name'");
    check("list_queues --shape x", "unexpected argument '--shape'");
    check("--formatter xml list_queues", "invalid value 'xml'");
    check("--timeout soon list_queues", "expected seconds");
    check("delete_queue", "<NAME>");
    check("declare_queue q --argument x", "expected NAME=VALUE");
    check("bind a b --to topic", "invalid value 'topic'");
    check("--uri ftp://x list_queues", "only http://");
}

#[test]
fn what_makes_no_sense_here_says_why() {
    let check = |line: &str, expected: &str| {
        let error = Ctl::new(program()).fails(&format!("ctl {line}"), 69);
        assert_eq!(error.lines().count(), 2, "{error}");
        assert!(error.contains(expected), "{line}: {error}");
    };
    check("join_cluster rabbit@other --ram", "single node");
    check("eval rabbit:status().", "Erlang");
    check("stop_app", "one process");
    check("reset", "data directory");
}

#[test]
fn help_is_no_error() {
    let help = Ctl::new(program()).ok("ctl --help");
    assert!(help.contains("list_queues"));
    assert!(!help.contains("join_cluster"));
    let help = Ctl::new(program()).ok("ctl help set_policy");
    assert!(help.contains("--apply-to"));
    let version = Ctl::new(program()).ok("ctl version");
    assert_eq!(version.trim_end(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn nobody_need_read_to_the_end() {
    let broker = Broker::start();
    let mut child = Command::new(program())
        .args(["ctl", "list_exchanges", "--data-dir"])
        .arg(broker.data_directory())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stderr, b"");
}

#[test]
fn shells_get_completion_scripts() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Ctl::new(program()).ok(&format!("completion {shell}"));
        assert!(script.contains("list_queues"), "{shell}");
    }
}
