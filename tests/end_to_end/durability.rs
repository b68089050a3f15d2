//! Relaxed durability: what it keeps, and where it shows.
//!
//! These tests start a broker of their own in any case.

use ferrymq_tests::harness::Options;
use lapin::options::QueueDeclareOptions;
use lapin::{BasicProperties, Channel};

use crate::support::*;

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

async fn declare_with(channel: &Channel, name: &str, durability: &str) {
    let arguments = table([("x-durability", long_string(durability))]);
    let options = QueueDeclareOptions::durable();
    within(channel.queue_declare(name.into(), options, arguments))
        .await
        .expect("declare");
}

#[tokio::test(flavor = "multi_thread")]
async fn relaxed_confirms_survive_a_kill() {
    let mut server = Server::start_own();
    for round in 0..3 {
        let (connection, channel) = server.channel().await;
        declare_with(&channel, "relaxed", "relaxed").await;
        let publisher = open_confirming(&connection).await;
        for number in round * 100..(round + 1) * 100 {
            let body = number.to_string();
            let confirm = publish_with(&publisher, "", "relaxed", body.as_bytes(), persistent());
            assert!(confirm.await.is_ack());
        }
        server.kill_and_start();
    }
    let (_connection, channel) = server.channel().await;
    assert_eq!(drain(&channel, "relaxed").await, numbers(0..300));
    let log = server.process().log();
    assert!(!log.contains("damaged"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relaxed_queue_is_logged() {
    let mut server = Server::start_own();
    let (_connection, channel) = server.channel().await;
    declare_with(&channel, "lax", "relaxed").await;
    declare_with(&channel, "severe", "strict").await;
    let log = server.process().log();
    assert!(log.contains("queue 'lax' in vhost '/' is relaxed"), "{log}");
    assert!(!log.contains("severe"), "{log}");
    assert!(!log.contains("store.durability"), "{log}");
}

#[test]
fn a_relaxed_default_is_a_warning_at_the_start() {
    let broker = Options::default()
        .configuration("[store]\ndurability = \"relaxed\"")
        .start();
    let line = broker.wait_for_log("store.durability is relaxed");
    assert!(line.contains("WARN") || line.contains("warn"), "{line}");
}
