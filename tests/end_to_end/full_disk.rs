//! A disk that is really full: a small file system of its own. Needs root, to mount that.
//!
//! These tests start a broker of their own in any case.

use std::collections::BTreeSet;
use std::process::Command;

use ferrymq_tests::harness::Options;
use lapin::options::{BasicAckOptions, BasicPublishOptions};
use lapin::{BasicProperties, Channel};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::*;

const DISK_MIB: u32 = 48;
const BODY_BYTES: usize = 100_000;
/// More than fit on the disk.
const MESSAGES: u32 = 800;
const QUEUE: &str = "full";

/// A small file system, there until it is dropped.
struct Disk(TempDir);

impl Disk {
    fn mount() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let size = format!("size={DISK_MIB}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(directory.path())
            .status();
        let mounted = mounted.is_ok_and(|status| status.success());
        assert!(mounted, "can't mount a tmpfs: this test needs root");
        Self(directory)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// On a disk of its own, and free to fill it to the last byte.
fn server(disk: &Disk, segment_bytes: &str) -> Server {
    let settings =
        format!("[disk]\nfree_limit = 1\n[store]\nsegment_bytes = \"{segment_bytes}\"\n");
    let options = Options::default().configuration(&settings);
    Server::start_with(options.data_directory(&disk.0.path().join("data")))
}

/// Publishes numbered messages, and says which were confirmed; it may be cut off.
fn publish_all(channel: Channel) -> JoinHandle<BTreeSet<u32>> {
    tokio::spawn(async move {
        let mut confirms = Vec::new();
        for number in 0..MESSAGES {
            let mut body = number.to_string().into_bytes();
            body.resize(BODY_BYTES, b' ');
            let properties = BasicProperties::default().with_delivery_mode(2);
            let options = BasicPublishOptions::default();
            let sent = channel.basic_publish("".into(), QUEUE.into(), options, &body, properties);
            let Ok(sent) = sent.await else { break };
            confirms.push((number, tokio::spawn(sent)));
        }
        let mut confirmed = BTreeSet::new();
        for (number, confirm) in confirms {
            if matches!(confirm.await, Ok(Ok(confirmation)) if confirmation.is_ack()) {
                confirmed.insert(number);
            }
        }
        confirmed
    })
}

/// What the broker's metrics say.
async fn metrics(server: &mut Server) -> String {
    let address = server.process().metrics();
    let mut stream = within(TcpStream::connect(address)).await.expect("connect");
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    within(stream.write_all(request)).await.expect("ask");
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer))
        .await
        .expect("an answer");
    answer
}

fn number(body: &[u8]) -> u32 {
    let text = std::str::from_utf8(body).expect("text");
    text.trim_end().parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_alone_make_room_and_publishers_go_on() {
    // Segments that end before the disk does, and one that is longer than the disk.
    for segment_bytes in ["4MiB", "64MiB"] {
        let disk = Disk::mount();
        let mut server = server(&disk, segment_bytes);
        let (connection, channel) = server.channel().await;
        durable_queue(&channel, QUEUE).await;
        let publisher = publish_all(open_confirming(&server.connect().await).await);
        tokio::task::block_in_place(|| server.process().wait_for_log("the disk is full"));
        let metrics_then = metrics(&mut server).await;
        assert!(metrics_then.contains("\nferrymq_store_disk_full 1\n"));
        assert!(metrics_then.contains("\nferrymq_store_failed 0\n"));
        assert!(!publisher.is_finished());
        assert!(queue_exists(&connection, QUEUE).await);

        let mut consumer = consume(&channel, QUEUE).await;
        let mut received = BTreeSet::new();
        while received.len() < MESSAGES as usize {
            let delivery = next(&mut consumer).await;
            assert!(received.insert(number(&delivery.data)));
            let acked = delivery.ack(BasicAckOptions::default());
            within(acked).await.expect("ack");
        }
        let confirmed = within(publisher).await.expect("a publisher");
        assert_eq!(confirmed.len(), MESSAGES as usize);
        let log = server.process().log();
        assert!(log.contains("there is room on the disk again"), "{log}");
        assert!(!log.contains("checkpoint failed"), "{log}");
        server.restart();
        let (_connection, channel) = server.channel().await;
        assert_eq!(counts(&channel, QUEUE).await.0, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_before_the_disk_was_full_outlives_the_process() {
    for kill in [true, false] {
        let disk = Disk::mount();
        let mut server = server(&disk, "4MiB");
        let (_connection, channel) = server.channel().await;
        durable_queue(&channel, QUEUE).await;
        let publisher = publish_all(open_confirming(&server.connect().await).await);
        tokio::task::block_in_place(|| server.process().wait_for_log("the disk is full"));
        if kill {
            server.process().kill();
        } else {
            // It can't be an orderly one, but it ends.
            server.stop();
        }
        let confirmed = within(publisher).await.expect("a publisher");
        assert!(confirmed.len() > 100 && confirmed.len() < 500);
        tokio::task::block_in_place(|| server.process().start_again());
        server.address = server.process().amqp().to_string();

        let (_connection, channel) = server.channel().await;
        let mut found = BTreeSet::new();
        while let Some(message) = get(&channel, QUEUE).await {
            found.insert(number(&message.data));
            within(message.ack(BasicAckOptions::default()))
                .await
                .expect("ack");
        }
        let lost: Vec<&u32> = confirmed.difference(&found).collect();
        assert!(lost.is_empty(), "{lost:?}");
        let log = server.process().log();
        assert!(!log.contains("damaged"), "{log}");
        let publisher = open_confirming(&server.connect().await).await;
        let properties = BasicProperties::default().with_delivery_mode(2);
        let confirm = publish_with(&publisher, "", QUEUE, b"after", properties);
        assert!(confirm.await.is_ack());
    }
}
