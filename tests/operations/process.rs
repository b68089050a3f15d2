//! Exit codes and what is said with them, probes, the service manager, the process id.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;

use ferrymq_tests::Broker;
use ferrymq_tests::harness::Options;

use crate::support::*;

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let (status, log) = Options::default()
        .amqp_listen(&address)
        .try_start()
        .expect_err("no port, no broker");
    assert_eq!(status.code(), Some(1));
    let expected =
        format!("can't listen for AMQP on {address}: another program listens there already");
    assert!(log.contains(&expected), "{log}");
}

#[test]
fn a_data_directory_has_one_broker() {
    let broker = Broker::start();
    let (status, log) = Options::default()
        .data_directory(&broker.data_directory())
        .try_start()
        .expect_err("the directory is in use");
    assert_eq!(status.code(), Some(1));
    assert!(log.contains(&broker.pid().to_string()), "{log}");
}

#[test]
fn a_bad_command_line_has_a_code_of_its_own() {
    refused(2, &["serve", "--sail"], &[]);
    refused(2, &["serve", "--amqp-listen", "nowhere"], &[]);
}

#[test]
fn probes_answer_by_exit_code() {
    let mut broker = Broker::start();
    let http = broker.http().to_string();
    let amqp = broker.amqp().to_string();
    let with = |command: &str, setting: &str| {
        let output = run(&[command, "--set", setting], &[]);
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    for command in ["ping", "healthcheck"] {
        let (code, said, _) = with(command, &format!("http.listen={http}"));
        assert_eq!((code, &*said), (Some(0), "{\"status\":\"ok\"}\n"));
    }
    let settings = [
        ("FERRYMQ_HTTP_LISTEN", "none"),
        ("FERRYMQ_AMQP_LISTEN", &amqp),
    ];
    assert_eq!(printed(&["ping"], &settings), "AMQP 0-9-1 is spoken\n");
    assert_eq!(printed(&["ping", "--quiet"], &settings), "");
    assert_eq!(get(broker.http(), "/healthz").0, 200);
    assert_eq!(get(broker.http(), "/readyz").0, 200);
    broker.stop();
    let (code, _, why) = with("healthcheck", &format!("http.listen={http}"));
    assert_eq!(code, Some(1));
    assert!(why.starts_with(&format!("no answer from {http}")), "{why}");
}

#[test]
fn the_process_id_is_in_its_file() {
    let files = directory(&[]);
    let path = files.path().join("pid");
    let mut broker = Options::default()
        .environment("RABBITMQ_PID_FILE", path.to_str().expect("UTF-8"))
        .start();
    let written = std::fs::read_to_string(&path).expect("the file");
    assert_eq!(written.trim(), broker.pid().to_string());
    assert!(broker.stop().success());
    assert!(!path.exists());
}

#[test]
fn the_service_manager_is_told() {
    let files = directory(&[]);
    let path = files.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager
        .set_read_timeout(Some(std::time::Duration::from_secs(30)))
        .expect("a time-out");
    let told = |wanted: &str| {
        let mut message = [0; 4096];
        loop {
            let length = manager.recv(&mut message).expect("a message");
            if text(&message[..length]).contains(wanted) {
                return;
            }
        }
    };
    let mut broker = Options::default()
        .environment("NOTIFY_SOCKET", path.to_str().expect("UTF-8"))
        .start();
    told("READY=1");
    signal(&broker, rustix::process::Signal::HUP);
    told("RELOADING=1");
    told("READY=1");
    broker.stop();
    told("STOPPING=1");
}
