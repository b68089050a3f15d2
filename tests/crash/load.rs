//! Publishers and consumers, at work until the broker dies under them.

use std::sync::{Arc, Mutex};

use futures_lite::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ExchangeKind, PublisherConfirm};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::ledger::{Id, Ledger};
use crate::victim::{Victim, within};

pub(crate) const QUEUES: [&str; 4] = ["crash.single", "crash.one", "crash.two", "crash.three"];
const EXCHANGE: &str = "crash.all";

/// Messages that a publisher sends ahead of their confirms.
const WINDOW_MESSAGES: usize = 300;

type SharedLedger = Arc<Mutex<Ledger>>;

/// Declares what the load needs: one queue by its name, three behind one exchange.
pub(crate) async fn declare(connection: &Connection) {
    let channel = within(connection.create_channel())
        .await
        .expect("a channel");
    let options = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let (kind, arguments) = (ExchangeKind::Fanout, FieldTable::default());
    let declared = channel.exchange_declare(EXCHANGE.into(), kind, options, arguments);
    within(declared).await.expect("declare the exchange");
    for queue in QUEUES {
        let (options, arguments) = (QueueDeclareOptions::durable(), FieldTable::default());
        let declared = channel.queue_declare(queue.into(), options, arguments);
        within(declared).await.expect("declare a queue");
        let purged = channel.queue_purge(queue.into(), QueuePurgeOptions::default());
        within(purged).await.expect("purge");
    }
    for queue in &QUEUES[1..] {
        let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
        let name = (*queue).into();
        let bound = channel.queue_bind(name, EXCHANGE.into(), "".into(), options, arguments);
        within(bound).await.expect("bind a queue");
    }
}

pub(crate) struct Load {
    tasks: JoinSet<()>,
    confirms: watch::Receiver<u64>,
}

impl Load {
    pub(crate) async fn start(
        victim: &Victim,
        round: u64,
        seed: u64,
        ledger: &SharedLedger,
    ) -> Self {
        let (count, confirms) = watch::channel(0);
        let mut tasks = JoinSet::new();
        for number in 0..4 {
            let connection = victim.connect().await;
            let worker = Worker::open(connection, seed.wrapping_add(number), ledger).await;
            let publisher = round * 10 + number;
            tasks.spawn(worker.publish(publisher, count.clone()));
        }
        for (number, queue) in [(4, QUEUES[0]), (5, QUEUES[1])] {
            let connection = victim.connect().await;
            let worker = Worker::open(connection, seed.wrapping_add(number), ledger).await;
            tasks.spawn(worker.consume(queue));
        }
        let worker = Worker::open(victim.connect().await, seed, ledger).await;
        tasks.spawn(worker.declare_and_delete(round));
        Self { tasks, confirms }
    }

    pub(crate) async fn wait_for_confirms(&self, enough: u64) {
        let mut confirms = self.confirms.clone();
        within(confirms.wait_for(|count| *count >= enough))
            .await
            .expect("publishers at work");
    }

    /// Ends what is left of the load; most of it died with its connection.
    pub(crate) async fn end(mut self) {
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                assert!(error.is_cancelled(), "a part of the load panicked: {error}");
            }
        }
    }
}

/// One connection's work. Every error ends it: the broker was killed.
struct Worker {
    /// Kept, because dropping it closes the connection.
    _connection: Connection,
    channel: Channel,
    random: SmallRng,
    ledger: SharedLedger,
}

impl Worker {
    async fn open(connection: Connection, seed: u64, ledger: &SharedLedger) -> Self {
        let channel = within(connection.create_channel())
            .await
            .expect("a channel");
        let random = SmallRng::seed_from_u64(seed);
        Self {
            _connection: connection,
            channel,
            random,
            ledger: Arc::clone(ledger),
        }
    }

    async fn publish(mut self, publisher: u64, count: watch::Sender<u64>) {
        let selected = self
            .channel
            .confirm_select(ConfirmSelectOptions::default())
            .await;
        selected.expect("confirm.select");
        let (waiting, confirms) = mpsc::channel(WINDOW_MESSAGES);
        let queues = if publisher.is_multiple_of(2) {
            &QUEUES[..1]
        } else {
            &QUEUES[1..]
        };
        let counting = count_confirms(confirms, queues, Arc::clone(&self.ledger), count);
        tokio::join!(self.send(publisher, queues, waiting), counting);
    }

    async fn send(
        &mut self,
        publisher: u64,
        queues: &'static [&'static str],
        waiting: mpsc::Sender<(Option<Id>, PublisherConfirm)>,
    ) {
        let (exchange, key) = if queues.len() == 1 {
            ("", queues[0])
        } else {
            (EXCHANGE, "")
        };
        for sequence in 0.. {
            let id = Id {
                publisher,
                sequence,
            };
            let persistent = self.random.random_ratio(9, 10);
            let properties =
                BasicProperties::default().with_delivery_mode(1 + u8::from(persistent));
            let body = encode(id, self.body_len());
            self.ledger.lock().expect("the ledger").sent(queues, id);
            let options = BasicPublishOptions::default();
            let sent =
                self.channel
                    .basic_publish(exchange.into(), key.into(), options, &body, properties);
            let Ok(confirm) = sent.await else { return };
            if waiting
                .send((persistent.then_some(id), confirm))
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// Mostly small, now and then more than a frame.
    fn body_len(&mut self) -> usize {
        match self.random.random_range(0..1_000) {
            0 => self.random.random_range(100_000..400_000),
            1..50 => self.random.random_range(3_000..20_000),
            _ => self.random.random_range(0..800),
        }
    }

    async fn consume(mut self, queue: &'static str) {
        let prefetch = self.channel.basic_qos(50, BasicQosOptions::default());
        prefetch.await.expect("basic.qos");
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = self
            .channel
            .basic_consume(queue.into(), "".into(), options, arguments);
        let mut consumer = consumer.await.expect("consume");
        while let Some(Ok(delivery)) = consumer.next().await {
            let id = decode(&delivery.data);
            self.ledger.lock().expect("the ledger").delivered(queue, id);
            let settled = if self.random.random_ratio(1, 20) {
                delivery
                    .nack(BasicNackOptions {
                        requeue: true,
                        multiple: false,
                    })
                    .await
            } else {
                self.ledger.lock().expect("the ledger").acked(queue, id);
                delivery.ack(BasicAckOptions::default()).await
            };
            if settled.is_err() {
                return;
            }
        }
    }

    /// Declares durable queues and deletes every other one, as fast as the broker answers.
    async fn declare_and_delete(self, round: u64) {
        for number in 0..200 {
            let name = format!("crash.extra.{}.{round}.{number}", std::process::id());
            let (options, arguments) = (QueueDeclareOptions::durable(), FieldTable::default());
            let declared = self
                .channel
                .queue_declare(name.as_str().into(), options, arguments);
            if declared.await.is_err() {
                return;
            }
            self.ledger
                .lock()
                .expect("the ledger")
                .declared
                .insert(name.clone());
            if number % 2 == 1 {
                self.ledger
                    .lock()
                    .expect("the ledger")
                    .declared
                    .remove(&name);
                let options = QueueDeleteOptions::default();
                if self
                    .channel
                    .queue_delete(name.as_str().into(), options)
                    .await
                    .is_err()
                {
                    return;
                }
                self.ledger.lock().expect("the ledger").deleted.insert(name);
            }
        }
    }
}

/// Enters every confirm of a persistent message into the ledger.
async fn count_confirms(
    mut confirms: mpsc::Receiver<(Option<Id>, PublisherConfirm)>,
    queues: &[&'static str],
    ledger: SharedLedger,
    count: watch::Sender<u64>,
) {
    while let Some((id, confirm)) = confirms.recv().await {
        match confirm.await {
            Ok(Confirmation::Ack(None)) => {}
            Ok(other) => panic!("{other:?} instead of an ack"),
            Err(_) => return,
        }
        if let Some(id) = id {
            ledger.lock().expect("the ledger").confirmed(queues, id);
        }
        count.send_modify(|count| *count += 1);
    }
}

/// The head `publisher sequence length` and as many bytes, which follow from the id.
pub(crate) fn encode(id: Id, len: usize) -> Vec<u8> {
    let mut body = format!("{} {} {len}\n", id.publisher, id.sequence).into_bytes();
    body.extend(filler(id, len));
    body
}

/// Reads a body that `encode` made, and checks every byte of it.
pub(crate) fn decode(body: &[u8]) -> Id {
    let end = body
        .iter()
        .position(|&byte| byte == b'\n')
        .expect("a head and its end");
    let head = std::str::from_utf8(&body[..end]).expect("a head of text");
    let mut numbers = head
        .split(' ')
        .map(|number| number.parse::<u64>().expect("a number"));
    let mut next = || numbers.next().expect("three numbers");
    let id = Id {
        publisher: next(),
        sequence: next(),
    };
    let expected = filler(id, next() as usize);
    assert!(
        expected.eq(body[end + 1..].iter().copied()),
        "the body of {id:?} is damaged"
    );
    id
}

fn filler(id: Id, len: usize) -> impl Iterator<Item = u8> {
    (0..len as u64).map(move |at| (at ^ (at >> 8) ^ id.sequence.wrapping_mul(31)) as u8)
}
