//! What the confirm of a persistent message waits for, by the queues that it goes to.

use ferrymq_amqp::{AMQPValue, FieldTable};
use ferrymq_store::{Options, SimulatedDisk, Store};

use super::*;
use crate::Broker;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::queue::arguments::Flags;
use crate::vhost::QueueDeclare;

/// Declares each queue with its `x-durability`, where it has one, and publishes to all of them at once.
fn check(default: Durability, queues: &[(bool, Option<&str>)], expected: Option<Durability>) {
    let options = Options {
        pending_limit_bytes: usize::MAX,
        ..Options::default()
    };
    let opened = Store::open_simulated(&SimulatedDisk::new(), options).unwrap();
    let (store, mut steps, recovered) = opened;
    let config = Config {
        durability: default,
        ..Config::default()
    };
    let broker = Broker::with_store(config, store, recovered, Timestamp::default()).unwrap();
    let actor = Actor {
        user: broker.users().user("guest").unwrap(),
        connection: None,
    };
    let vhost = broker.vhost("/").unwrap();
    let names: Vec<String> = (0..queues.len()).map(|number| number.to_string()).collect();
    for (name, &(durable, argument)) in names.iter().zip(queues) {
        let mut arguments = FieldTable::default();
        if let Some(value) = argument {
            arguments.insert("x-durability".into(), AMQPValue::LongString(value.into()));
        }
        let flags = Flags {
            durable,
            ..Flags::default()
        };
        let name = name.clone();
        let declare = QueueDeclare {
            name,
            flags,
            arguments,
        };
        let mut work = Work::default();
        vhost.declare_queue(&actor, declare, &mut work).unwrap();
    }
    steps.commit();
    let keys: Vec<&str> = names.iter().map(String::as_str).collect();
    let route = vhost.route(&actor, "", &keys, None).unwrap();
    let mut pending = Pending::default();
    pending
        .messages
        .push(Message::small(b"\0\0body", 2, 0, true));
    let point = vhost.publish(&route, &mut pending, &mut Work::default());
    let before = broker.store().statistics();
    steps.commit();
    let after = broker.store().statistics();
    assert!(point <= broker.store().committed());
    let waited_for = match (
        point,
        after.relaxed_messages,
        after.syncs.count - before.syncs.count,
    ) {
        (CommitPoint::ALWAYS, 0, 0) => None,
        (_, 1, 0) => Some(Durability::Relaxed),
        (_, 0, 1) => Some(Durability::Strict),
        other => panic!("{other:?}"),
    };
    assert_eq!(waited_for, expected, "{default:?} {queues:?}");
}

#[test]
fn the_strictest_queue_decides() {
    use Durability::{Relaxed, Strict};
    let (relaxed, strict) = ((true, Some("relaxed")), (true, Some("strict")));
    check(Strict, &[(true, None)], Some(Strict));
    check(Strict, &[relaxed], Some(Relaxed));
    check(Strict, &[relaxed, relaxed], Some(Relaxed));
    check(Strict, &[relaxed, strict], Some(Strict));
    check(Strict, &[relaxed, (true, None)], Some(Strict));
    check(Relaxed, &[(true, None)], Some(Relaxed));
    check(Relaxed, &[strict], Some(Strict));
    check(Relaxed, &[(true, None), strict, relaxed], Some(Strict));
    // A queue that keeps nothing waits for nothing.
    check(Strict, &[relaxed, (false, Some("strict"))], Some(Relaxed));
    check(Relaxed, &[(false, None)], None);
}
