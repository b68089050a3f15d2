//! The program under the names of RabbitMQ's tools.

use std::os::unix::fs::symlink;

use ferrymq_tests::harness::{Broker, program};
use tempfile::TempDir;

use crate::runner::Ctl;

/// Links to the program, and a broker to ask.
struct Tools {
    links: TempDir,
    broker: Broker,
}

impl Tools {
    fn new() -> Self {
        Self {
            links: tempfile::tempdir().expect("a temporary directory"),
            broker: Broker::start(),
        }
    }

    fn tool(&self, name: &str) -> Ctl {
        let link = self.links.path().join(name);
        if !link.exists() {
            symlink(program(), &link).expect("a link to the program");
        }
        let data_dir = self.broker.data_directory().display().to_string();
        Ctl::new(&link).arguments(&["--data-dir", &data_dir])
    }
}

#[test]
fn tools_know_their_commands() {
    let tools = Tools::new();
    let ctl = || tools.tool("rabbitmqctl");
    ctl().ok("-n rabbit@host list_queues -q");
    ctl().fails("nonsense", 64);
    let pinged = tools.tool("rabbitmq-diagnostics").ok("-q ping");
    assert_eq!(pinged, "Ping succeeded\n");
    let enabled = tools
        .tool("rabbitmq-plugins")
        .ok("enable rabbitmq_shovel --offline");
    assert!(enabled.contains("built in"), "{enabled}");
    for command in ["drain", "await_online_quorum_plus_one"] {
        tools.tool("rabbitmq-upgrade").ok(command);
    }
    tools
        .tool("rabbitmq-queues")
        .fails("grow rabbit@other all", 69);
}

#[test]
fn the_server_has_a_name_too() {
    let tools = Tools::new();
    let link = tools.links.path().join("rabbitmq-server");
    symlink(program(), &link).expect("a link to the program");
    let help = Ctl::new(&link).ok("--help");
    assert!(help.contains("--amqp-listen"), "{help}");
}
