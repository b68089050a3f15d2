//! What the tests share: a broker to talk to, connections, and waiting with a deadline.

use std::fmt::Debug;
use std::future::Future;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ferrymq_tests::harness::{Broker, Options};
use futures_lite::StreamExt;
use lapin::message::{BasicGetMessage, Delivery};
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, ErrorKind,
    ExchangeKind,
};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A broker for one test.
pub(crate) struct Server {
    pub(crate) address: String,
    own: Option<Broker>,
}

impl Server {
    /// A broker started for this test, or the running one that the environment names.
    pub(crate) fn start() -> Self {
        match std::env::var("FERRYMQ_TEST_AMQP") {
            Ok(address) => Self { address, own: None },
            Err(_) => Self::start_own(),
        }
    }

    /// A broker started for this test, whatever the environment says: the test stops it.
    pub(crate) fn start_own() -> Self {
        Self::start_with(Options::default())
    }

    /// A broker with these options, started for this test.
    pub(crate) fn start_with(options: Options) -> Self {
        let broker = options.start();
        Self {
            address: broker.amqp().to_string(),
            own: Some(broker),
        }
    }

    /// The process of a broker started by `start_own`.
    pub(crate) fn process(&mut self) -> &mut Broker {
        self.own.as_mut().expect("a broker started for this test")
    }

    /// Stops the broker in an orderly way, while its clients go on reading. Needs a runtime of
    /// several threads, as everything that waits for the process does.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        tokio::task::block_in_place(|| self.process().stop())
    }

    /// Stops the broker in an orderly way and starts it again on the same data.
    pub(crate) fn restart(&mut self) {
        assert!(self.stop().success(), "{}", self.process().log());
        self.start_again();
    }

    /// Ends the broker without warning and starts it again on the same data.
    pub(crate) fn kill_and_start(&mut self) {
        self.process().kill();
        self.start_again();
    }

    fn start_again(&mut self) {
        tokio::task::block_in_place(|| self.process().start_again());
        self.address = self.process().amqp().to_string();
    }

    pub(crate) fn uri(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.address)
    }

    pub(crate) async fn connect(&self) -> Connection {
        self.connect_to(&self.uri())
            .await
            .expect("connect as guest to '/'")
    }

    pub(crate) async fn connect_to(&self, uri: &str) -> lapin::Result<Connection> {
        within(Connection::connect(uri, ConnectionProperties::default())).await
    }

    /// A connection with one channel.
    pub(crate) async fn channel(&self) -> (Connection, Channel) {
        let connection = self.connect().await;
        let channel = open(&connection).await;
        (connection, channel)
    }
}

/// Awaits `future`, but not for ever.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("an answer within the deadline")
}

/// Asks until the answer is yes: for effects that AMQP does not announce.
pub(crate) async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let poll = async {
        let mut pause = tokio::time::interval(Duration::from_millis(10));
        while !ask().await {
            pause.tick().await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, poll).await.is_ok(),
        "never happened: {what}"
    );
}

/// A name that no other test uses, also on a broker that lives longer than the tests.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("test.{name}.{}.{number}", std::process::id())
}

pub(crate) async fn open(connection: &Connection) -> Channel {
    within(connection.create_channel())
        .await
        .expect("open a channel")
}

/// A channel in confirm mode.
pub(crate) async fn open_confirming(connection: &Connection) -> Channel {
    let channel = open(connection).await;
    within(channel.confirm_select(ConfirmSelectOptions::default()))
        .await
        .expect("confirm.select");
    channel
}

/// A queue that goes with its connection.
pub(crate) async fn temporary_queue(channel: &Channel) -> String {
    let options = QueueDeclareOptions::exclusive();
    let declared = channel.queue_declare("".into(), options, FieldTable::default());
    within(declared)
        .await
        .expect("declare a server-named queue")
        .name()
        .to_string()
}

pub(crate) async fn durable_queue(channel: &Channel, name: &str) {
    declare(channel, name, QueueDeclareOptions::durable())
        .await
        .expect("declare a durable queue");
}

pub(crate) async fn declare(
    channel: &Channel,
    name: &str,
    options: QueueDeclareOptions,
) -> lapin::Result<lapin::Queue> {
    within(channel.queue_declare(name.into(), options, FieldTable::default())).await
}

/// Asks for the queue without creating it: its ready messages and its consumers.
pub(crate) async fn counts(channel: &Channel, queue: &str) -> (u32, u32) {
    let options = QueueDeclareOptions::default().passive();
    let declared = declare(channel, queue, options)
        .await
        .expect("a passive declare");
    (declared.message_count(), declared.consumer_count())
}

/// Whether the queue exists. Uses a channel of its own, because a missing queue closes it.
pub(crate) async fn queue_exists(connection: &Connection, queue: &str) -> bool {
    let channel = open(connection).await;
    declare(&channel, queue, QueueDeclareOptions::default().passive())
        .await
        .is_ok()
}

pub(crate) async fn declare_exchange(
    channel: &Channel,
    name: &str,
    kind: ExchangeKind,
    options: ExchangeDeclareOptions,
) -> lapin::Result<()> {
    within(channel.exchange_declare(name.into(), kind, options, FieldTable::default())).await
}

pub(crate) async fn delete_queue(
    channel: &Channel,
    queue: &str,
    options: QueueDeleteOptions,
) -> lapin::Result<u32> {
    within(channel.queue_delete(queue.into(), options)).await
}

pub(crate) async fn bind(
    channel: &Channel,
    queue: &str,
    exchange: &str,
    key: &str,
) -> lapin::Result<()> {
    let (options, arguments) = Default::default();
    within(channel.queue_bind(
        queue.into(),
        exchange.into(),
        key.into(),
        options,
        arguments,
    ))
    .await
}

pub(crate) const PASSIVE: ExchangeDeclareOptions = ExchangeDeclareOptions {
    passive: true,
    durable: false,
    auto_delete: false,
    internal: false,
    nowait: false,
};

pub(crate) async fn publish(channel: &Channel, exchange: &str, key: &str, body: &[u8]) {
    publish_with(channel, exchange, key, body, BasicProperties::default()).await;
}

/// Publishes, and waits for the confirm when the channel asked for confirms.
pub(crate) async fn publish_with(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> Confirmation {
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish(exchange.into(), key.into(), options, body, properties);
    within(async { sent.await?.await }).await.expect("publish")
}

/// Publishes to `queue` and returns when it has arrived there.
pub(crate) async fn publish_numbered(channel: &Channel, queue: &str, count: u32) {
    let mut confirms = Vec::new();
    for number in 0..count {
        let body = number.to_string();
        let (options, properties) = Default::default();
        let sent = channel.basic_publish(
            "".into(),
            queue.into(),
            options,
            body.as_bytes(),
            properties,
        );
        confirms.push(sent.await.expect("publish"));
    }
    for confirm in confirms {
        within(confirm).await.expect("confirm");
    }
}

pub(crate) async fn consume(channel: &Channel, queue: &str) -> Consumer {
    consume_with(channel, queue, "", BasicConsumeOptions::default())
        .await
        .expect("consume")
}

pub(crate) async fn consume_with(
    channel: &Channel,
    queue: &str,
    tag: &str,
    options: BasicConsumeOptions,
) -> lapin::Result<Consumer> {
    let consume = channel.basic_consume(queue.into(), tag.into(), options, FieldTable::default());
    within(consume).await
}

/// The consumer's next delivery.
pub(crate) async fn next(consumer: &mut Consumer) -> Delivery {
    within(consumer.next())
        .await
        .expect("a consumer that was not cancelled")
        .expect("a delivery")
}

/// The bodies of the consumer's next deliveries, in order.
pub(crate) async fn next_bodies(consumer: &mut Consumer, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    while bodies.len() < count {
        bodies.push(text(&next(consumer).await));
    }
    bodies
}

/// Learns how a channel ends. What provokes the end may be a method without an answer.
pub(crate) struct Watch(Consumer);

impl Watch {
    pub(crate) async fn over(channel: &Channel) -> Self {
        let queue = temporary_queue(channel).await;
        Self(consume(channel, &queue).await)
    }

    /// The error with which the broker closed the channel.
    pub(crate) async fn error(mut self) -> lapin::Error {
        let end = within(self.0.next())
            .await
            .expect("an error before the end");
        end.expect_err("a channel error")
    }
}

/// Whether the consumer has nothing more. Only after a round trip on its connection is that an answer.
pub(crate) async fn is_idle(consumer: &mut Consumer) -> bool {
    futures_lite::future::poll_once(consumer.next())
        .await
        .is_none()
}

pub(crate) async fn get(channel: &Channel, queue: &str) -> Option<BasicGetMessage> {
    let get = channel.basic_get(queue.into(), BasicGetOptions::default());
    within(get).await.expect("basic.get")
}

/// Takes everything that is ready, without waiting for more; nothing of it comes back.
pub(crate) async fn drain(channel: &Channel, queue: &str) -> Vec<String> {
    let mut bodies = Vec::new();
    let options = BasicGetOptions { no_ack: true };
    while let Some(message) = within(channel.basic_get(queue.into(), options))
        .await
        .expect("basic.get")
    {
        bodies.push(text(&message));
    }
    bodies
}

pub(crate) fn text(delivery: &Delivery) -> String {
    String::from_utf8(delivery.data.clone()).expect("a body of text")
}

pub(crate) fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

pub(crate) fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in entries {
        table.insert(key.into(), value);
    }
    table
}

pub(crate) fn long_string(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// Checks that the broker refused, with this reply code and these words in its text.
#[track_caller]
pub(crate) fn assert_refused<T: Debug>(result: lapin::Result<T>, code: u16, words: &str) {
    let error = result.expect_err("a refusal");
    assert_reply(&error, code, words);
}

#[track_caller]
pub(crate) fn assert_reply(error: &lapin::Error, code: u16, words: &str) {
    let ErrorKind::ProtocolError(reply) = error.kind() else {
        panic!("expected {code} '{words}', got {error:?}");
    };
    assert_eq!(reply.get_id(), code, "{error}");
    assert!(
        reply.get_message().as_str().contains(words),
        "'{words}' is not in '{error}'"
    );
}
