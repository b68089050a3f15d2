//! Who may ask, and how the broker is found.

use std::fs;

use ferrymq_tests::harness::{Broker, Options, program};

use crate::runner::{Ctl, ctl, ctl_over_http};

#[test]
fn the_local_socket_needs_no_password() {
    let broker = Broker::start();
    assert_eq!(ctl(&broker).ok("ping -q"), "Ping succeeded\n");
    ctl(&broker).ok("declare_queue q");
    assert_eq!(ctl(&broker).ok("list_queues -s name"), "q\n");
}

#[test]
fn http_needs_one() {
    let broker = Broker::start();
    let ctl = |credentials| ctl_over_http(&broker, credentials);
    let queues = ctl("guest:guest").ok("list_queues -q");
    assert_eq!(queues, "");
    let refused = ctl("guest:wrong").fails("list_queues", 69);
    assert!(refused.starts_with("Error:\naccess refused: "), "{refused}");
    assert!(!refused.contains("wrong"), "{refused}");
    ctl("nobody:x").fails("list_queues", 69);
}

#[test]
fn a_broker_that_is_not_there_is_unreachable() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().display().to_string();
    let phrase = "unable to perform an operation on node";
    let local = Ctl::new(program()).arguments(&["ctl", "--data-dir", &nowhere]);
    let error = local.fails("list_queues", 69);
    assert!(
        error.contains(phrase) && error.contains("No such file"),
        "{error}"
    );
    let remote = Ctl::new(program()).arguments(&["ctl", "--uri", "http://127.0.0.1:1"]);
    let error = remote.fails("list_queues", 69);
    assert!(
        error.contains(phrase) && error.contains("refused"),
        "{error}"
    );
}

#[test]
fn the_socket_is_found_as_the_broker_finds_it() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("elsewhere");
    let toml = format!("[http]\nsocket = {:?}\n", socket.display().to_string());
    let mut broker = Options::default().configuration(&toml).start();
    assert!(socket.exists());
    let file = directory.path().join("ferrymq.toml");
    fs::write(&file, &toml).unwrap();
    let file = file.display().to_string();
    let found = Ctl::new(program()).arguments(&["ctl", "--config", &file]);
    assert_eq!(found.ok("ping -q"), "Ping succeeded\n");
    broker.stop();
    assert!(!socket.exists());
}

#[test]
fn a_broken_configuration_has_a_code_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ferrymq.toml");
    fs::write(&file, "[http]\nsokcet = 1\n").unwrap();
    let file = file.display().to_string();
    let broken = Ctl::new(program()).arguments(&["ctl", "--config", &file]);
    let error = broken.fails("ping", 78);
    assert!(error.contains("sokcet"), "{error}");
    fs::write(&file, "[http]\nsocket = \"none\"\n").unwrap();
    let without = Ctl::new(program()).arguments(&["ctl", "--config", &file]);
    let error = without.fails("ping", 64);
    assert!(error.contains("give --uri"), "{error}");
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", silent.local_addr().unwrap());
    let ctl = Ctl::new(program()).arguments(&["ctl", "--uri", &uri, "--timeout", "0.1"]);
    let error = ctl.fails("list_queues", 75);
    assert!(error.contains("timed out after 0.1 seconds"), "{error}");
}
