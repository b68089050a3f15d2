//! After the crash: everything that is there, against the ledger.

use std::sync::Mutex;
use std::time::Duration;

use futures_lite::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection};

use crate::Afterwards;
use crate::ledger::{Found, Ledger};
use crate::load::{QUEUES, decode};
use crate::victim::{Victim, within};

/// Reads every queue and fails on any promise not kept. Returns how many messages there were.
pub(crate) async fn check(
    victim: &Victim,
    round: u64,
    afterwards: Afterwards,
    ledger: &Mutex<Ledger>,
) -> usize {
    let connection = victim.connect().await;
    check_definitions(&connection, round, ledger).await;
    let mut total = 0;
    for queue in QUEUES {
        let channel = within(connection.create_channel())
            .await
            .expect("a channel");
        let found = read(&channel, queue).await;
        total += found.len();
        let broken = ledger.lock().expect("the ledger").check(queue, &found);
        let shown: String = broken
            .iter()
            .take(20)
            .map(|broken| format!("\n  {broken}"))
            .collect();
        let (count, log) = (broken.len(), victim.log());
        assert!(
            broken.is_empty(),
            "round {round}, {queue}: {count} broken promises{shown}\n{log}"
        );
        if afterwards == Afterwards::Take {
            settle(&channel).await;
            let ids = found.iter().map(|found| found.id);
            ledger.lock().expect("the ledger").settled(queue, ids);
        }
        within(channel.close(200, "read".into()))
            .await
            .expect("close");
    }
    total
}

/// All messages of the queue, in order, unacked.
async fn read(channel: &Channel, queue: &str) -> Vec<Found> {
    let ready = within(unattended(channel, queue)).await;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(queue.into(), "survey".into(), options, arguments);
    let mut consumer = within(consumer).await.expect("consume");
    let mut found = Vec::new();
    while found.len() < ready as usize {
        let delivery = within(consumer.next())
            .await
            .expect("a delivery")
            .expect("a delivery");
        found.push(Found {
            id: decode(&delivery.data),
            redelivered: delivery.redelivered,
        });
    }
    within(channel.basic_cancel("survey".into(), Default::default()))
        .await
        .expect("cancel");
    assert_eq!(
        counts(channel, queue).await.0,
        0,
        "more messages than were announced"
    );
    found
}

/// Acks everything on the channel; returns when a later message was confirmed.
async fn settle(channel: &Channel) {
    channel
        .basic_ack(0, BasicAckOptions { multiple: true })
        .await
        .expect("ack");
    within(channel.confirm_select(ConfirmSelectOptions::default()))
        .await
        .expect("confirm.select");
    let sentinel = "crash.sentinel";
    let options = QueueDeclareOptions::durable();
    let declared = channel.queue_declare(sentinel.into(), options, FieldTable::default());
    within(declared).await.expect("declare");
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let properties = properties.with_delivery_mode(2);
    let sent = channel.basic_publish("".into(), sentinel.into(), options, b"", properties);
    let confirmed = within(async { sent.await?.await }).await.expect("publish");
    assert!(confirmed.is_ack());
    let purged = channel.queue_purge(sentinel.into(), QueuePurgeOptions::default());
    within(purged).await.expect("purge");
}

/// Whatever declare-ok or delete-ok promised about queues holds.
async fn check_definitions(connection: &Connection, round: u64, ledger: &Mutex<Ledger>) {
    let (declared, deleted) = {
        let mut ledger = ledger.lock().expect("the ledger");
        (
            std::mem::take(&mut ledger.declared),
            std::mem::take(&mut ledger.deleted),
        )
    };
    for name in declared {
        assert!(
            exists(connection, &name).await,
            "round {round}: {name} was declared and is gone"
        );
        let channel = within(connection.create_channel())
            .await
            .expect("a channel");
        let options = QueueDeleteOptions::default();
        within(channel.queue_delete(name.as_str().into(), options))
            .await
            .expect("delete");
        within(channel.close(200, "deleted".into()))
            .await
            .expect("close");
    }
    for name in deleted {
        assert!(
            !exists(connection, &name).await,
            "round {round}: {name} was deleted and is back"
        );
    }
}

async fn exists(connection: &Connection, queue: &str) -> bool {
    let channel = within(connection.create_channel())
        .await
        .expect("a channel");
    let options = QueueDeclareOptions::default().passive();
    let declared = channel.queue_declare(queue.into(), options, FieldTable::default());
    let exists = within(declared).await.is_ok();
    if exists {
        within(channel.close(200, "asked".into()))
            .await
            .expect("close");
    }
    exists
}

/// The ready messages, once nobody else consumes: at once, unless only connections were cut.
async fn unattended(channel: &Channel, queue: &str) -> u32 {
    let mut pause = tokio::time::interval(Duration::from_millis(10));
    loop {
        pause.tick().await;
        if let (ready, 0) = counts(channel, queue).await {
            return ready;
        }
    }
}

async fn counts(channel: &Channel, queue: &str) -> (u32, u32) {
    let options = QueueDeclareOptions::default().passive();
    let declared = channel.queue_declare(queue.into(), options, FieldTable::default());
    let declared = within(declared).await.expect("a queue that survived");
    (declared.message_count(), declared.consumer_count())
}
