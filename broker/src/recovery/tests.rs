//! Deadlines and priorities outlive a restart, whatever the clock has done meanwhile.

use ferrymq_amqp::content::with_header;
use ferrymq_amqp::{AMQPValue, FieldTable};
use ferrymq_store::{Options, SimulatedDisk, Steps};

use super::*;
use crate::Broker;
use crate::actor::Actor;
use crate::message::Message;
use crate::queue::Counts;
use crate::queue::arguments::Flags;
use crate::queue::shared::Work;
use crate::vhost::{Pending, QueueDeclare};

/// A broker on a simulated disk, and the hand on its clock.
struct Machine {
    disk: SimulatedDisk,
    steps: Steps,
    broker: Arc<Broker>,
    now: Timestamp,
}

impl Machine {
    fn start(disk: SimulatedDisk, now: u64) -> Self {
        let options = Options {
            pending_limit_bytes: usize::MAX,
            ..Options::default()
        };
        let (store, steps, recovered) = Store::open_simulated(&disk, options).unwrap();
        let now = Timestamp::from_millis(now);
        let broker = Broker::with_store(Config::default(), store, recovered, now).unwrap();
        Self {
            disk,
            steps,
            broker,
            now,
        }
    }

    fn new() -> Self {
        Self::start(SimulatedDisk::new(), 1_000)
    }

    /// Everything is written, the power fails, and it is `now` when the broker is back.
    fn restart(mut self, now: u64) -> Self {
        self.steps.commit();
        Self::start(self.disk.crash(|| true), now)
    }

    fn vhost(&self) -> Arc<VHost> {
        self.broker.vhost("/").unwrap()
    }

    fn actor(&self) -> Actor {
        Actor {
            user: self.broker.users().user("guest").unwrap(),
            connection: None,
        }
    }

    fn work(&self) -> Work {
        let mut work = Work::default();
        work.set_now(self.now);
        work
    }

    fn declare(&self, arguments: &[(&str, AMQPValue)]) {
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert((*name).into(), value.clone());
        }
        let declare = QueueDeclare {
            name: "q".into(),
            flags: Flags {
                durable: true,
                ..Flags::default()
            },
            arguments: table,
        };
        let mut work = self.work();
        let declared = self
            .vhost()
            .declare_queue(&self.actor(), declare, &mut work);
        declared.unwrap();
    }

    /// Publishes a persistent message with these properties, and its number as its body.
    fn publish(&self, properties: &[u8], body: u8) {
        let vhost = self.vhost();
        let route = vhost.route(&self.actor(), "", &["q"], None).unwrap();
        let bytes = [b"\0\x01q".as_slice(), properties, &[body]].concat();
        let mut pending = Pending::default();
        let message = Message::small(&bytes, 3, properties.len(), true);
        pending.messages.push(message);
        vhost.publish(&route, &mut pending, &mut self.work());
    }

    fn queue(&self) -> Option<Arc<SharedQueue>> {
        self.vhost().snapshot().queues.get("q").cloned()
    }

    fn counts(&self) -> Counts {
        self.queue().unwrap().inspect(Queue::counts)
    }

    /// Time has come to `now`, and what is due is done.
    fn pass(&mut self, now: u64) {
        self.now = Timestamp::from_millis(now);
        while self.broker.timers().run_due(&self.broker, self.now) {}
    }

    /// The bodies of all that is ready, which is settled.
    fn drain(&self) -> Vec<u8> {
        let queue = self.queue().unwrap();
        let mut work = self.work();
        let got = std::iter::from_fn(|| queue.get(true, &mut work).unwrap());
        got.map(|(entry, _)| *entry.message.own_bytes().last().unwrap())
            .collect()
    }
}

fn expiration(milliseconds: u64) -> Vec<u8> {
    let text = milliseconds.to_string();
    [&[1, 0, text.len() as u8], text.as_bytes()].concat()
}

fn delay(milliseconds: i64) -> Vec<u8> {
    let value = AMQPValue::LongLongInt(milliseconds);
    with_header(&[0, 0], "x-delay", &value)
}

const DELAYED: (&str, AMQPValue) = ("x-delayed", AMQPValue::Boolean(true));

#[test]
fn messages_expire_when_they_would_have_without_a_restart() {
    let mut machine = Machine::new();
    machine.declare(&[]);
    for (body, ttl) in [(1, 200), (2, 100), (3, 100), (4, 300)] {
        machine.publish(&expiration(ttl), body);
    }
    machine.publish(&[0, 0], 5);
    machine = machine.restart(1_150);
    assert_eq!(machine.counts().ready, 5, "nobody has looked yet");
    machine.pass(1_150);
    assert_eq!(machine.counts().ready, 3);
    machine.pass(1_200);
    assert_eq!(machine.counts().ready, 2);
    machine = machine.restart(1_299);
    assert_eq!(machine.drain(), [4, 5]);
    machine = machine.restart(1_300);
    assert_eq!(machine.counts().ready, 0);
}

#[test]
fn what_expired_while_the_broker_was_down_is_not_delivered() {
    let mut machine = Machine::new();
    machine.declare(&[("x-message-ttl", AMQPValue::LongInt(100))]);
    machine.publish(&[0, 0], 1);
    machine.now = Timestamp::from_millis(1_050);
    machine.publish(&[0, 0], 2);
    assert_eq!(machine.restart(1_120).drain(), [2]);
}

#[test]
fn a_clock_that_was_set_back_gives_more_time() {
    let mut machine = Machine::new();
    machine.declare(&[]);
    machine.publish(&expiration(100), 1);
    machine = machine.restart(500);
    machine.pass(1_099);
    assert_eq!(machine.counts().ready, 1);
    machine.pass(1_100);
    assert_eq!(machine.counts().ready, 0);
}

#[test]
fn delayed_messages_are_ready_when_they_would_have_been() {
    let mut machine = Machine::new();
    machine.declare(&[DELAYED]);
    for (body, span) in [(1, 300), (2, 100), (3, 200), (4, 200)] {
        machine.publish(&delay(span), body);
    }
    machine.publish(&[0, 0], 5);
    machine = machine.restart(1_150);
    machine.pass(1_150);
    let counts = machine.counts();
    assert_eq!((counts.ready, counts.delayed), (2, 3));
    assert_eq!(counts.ready_bytes, 2);
    machine.pass(1_200);
    let counts = machine.counts();
    assert_eq!((counts.ready, counts.delayed), (4, 1));
    assert_eq!(counts.ready_bytes, 4);
    assert_eq!(machine.drain(), [2, 3, 4, 5]);
    machine = machine.restart(1_300);
    machine.pass(1_300);
    assert_eq!(machine.drain(), [1]);
}

#[test]
fn a_time_to_live_begins_when_the_delay_ends_after_a_restart_too() {
    let mut machine = Machine::new();
    machine.declare(&[DELAYED, ("x-message-ttl", AMQPValue::LongInt(50))]);
    machine.publish(&delay(100), 1);
    machine = machine.restart(1_060);
    machine.pass(1_100);
    assert_eq!(machine.counts().ready, 1);
    machine.pass(1_149);
    assert_eq!(machine.counts().ready, 1);
    machine.pass(1_152);
    assert_eq!(machine.counts().ready, 0);
}

#[test]
fn what_was_to_be_tried_again_later_is_ready_after_a_restart() {
    let mut machine = Machine::new();
    machine.declare(&[("x-retry-delay", AMQPValue::LongInt(100_000))]);
    machine.publish(&[0, 0], 1);
    let queue = machine.queue().unwrap();
    let mut work = machine.work();
    let (entry, _) = queue.get(false, &mut work).unwrap().unwrap();
    assert_eq!(entry.returns(), 0);
    queue.run(&mut work, |queue, effects| {
        let how = crate::queue::Return::Nacked;
        queue.requeue(None, [entry].into_iter(), how, effects);
    });
    assert_eq!(machine.counts().delayed, 1);
    drop(queue);
    machine = machine.restart(2_000);
    assert_eq!((machine.counts().delayed, machine.drain()), (0, vec![1]));
}

#[test]
fn priorities_come_back() {
    let mut machine = Machine::new();
    machine.declare(&[("x-max-priority", AMQPValue::LongInt(9))]);
    for (body, priority) in [(1, 1), (2, 0), (3, 7), (4, 7), (5, 1)] {
        machine.publish(&[8, 0, priority], body);
    }
    machine = machine.restart(1_000);
    assert_eq!(machine.counts().ready_bytes, 5);
    assert_eq!(machine.drain(), [3, 4, 1, 5, 2]);
}

#[test]
fn an_unused_queue_gets_its_time_anew() {
    let mut machine = Machine::new();
    machine.declare(&[("x-expires", AMQPValue::LongInt(100))]);
    machine = machine.restart(5_000);
    machine.pass(5_099);
    assert!(machine.queue().is_some());
    machine.pass(5_100);
    assert!(machine.queue().is_none());
    machine = machine.restart(5_100);
    assert!(machine.queue().is_none());
}

#[test]
fn delayed_messages_are_listed_wherever_they_are() {
    let mut machine = Machine::new();
    machine.declare(&[DELAYED]);
    for (body, span) in [(1, 300), (2, 100), (3, 200)] {
        machine.publish(&delay(span), body);
    }
    machine = machine.restart(1_000);
    machine.publish(&delay(150), 4);
    let queue = machine.queue().unwrap();
    let list = |after, count| -> Vec<(u64, u8)> {
        let listed = queue.delayed(after, count).unwrap().into_iter();
        let body = |message: Message| *message.own_bytes().last().unwrap();
        let listed = listed.map(|listed| (listed.due.as_millis(), body(listed.message.unwrap())));
        listed.collect()
    };
    assert_eq!(list(None, 2), [(1_100, 2), (1_150, 4)]);
    let last = queue.delayed(None, 2).unwrap().pop().unwrap();
    let after = (last.due, last.sequence);
    assert_eq!(list(Some(after), 9), [(1_200, 3), (1_300, 1)]);
    let mut work = machine.work();
    queue.run(&mut work, |queue, effects| {
        assert!(queue.cancel_delayed(Sequence(3), effects));
    });
    drop(queue);
    machine = machine.restart(2_000);
    machine.pass(2_000);
    assert_eq!(machine.drain(), [1, 2, 4]);
}
