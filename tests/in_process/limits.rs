//! How much there may be: of a vhost, of a user, of the broker; queues.md 10.

use ferrymq_broker::limits::{Limit, NodeLimits, UserLimits, VHostLimits};
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{
    Channel, Connection, Login, basic, channels, connections, exchange, queue,
};

use crate::support::{channel, vhost};

fn limit(most: i64) -> Limit {
    Limit(Some(most))
}

fn limit_vhost(broker: &InProcess, limits: VHostLimits) {
    vhost(broker).set_limits(limits, "guest");
}

fn limit_user(broker: &InProcess, limits: UserLimits) {
    let limited = broker.broker().set_user_limits("guest", limits, "guest");
    limited.expect("the default user");
}

fn limit_node(limits: NodeLimits) -> InProcess {
    InProcess::start_with(|config| config.limits = limits)
}

/// Opens a connection as far as `connection.open`, which must be refused.
#[track_caller]
fn check_open_refused(broker: &InProcess, text: &str) {
    let connection = Connection::connect(broker.amqp());
    connection.start();
    let tune = connection.log_in(&Login::default());
    connection.tune(tune, Default::default());
    connection.send(connections::Open {
        virtual_host: "/".into(),
    });
    let close = connection.refused(530, "");
    assert_eq!(close.reply_text.as_str(), format!("NOT_ALLOWED - {text}"));
}

#[track_caller]
fn check_declare_refused(channel: &Channel, queue: &str, text: &str) {
    channel.send(queue::Declare {
        queue: queue.into(),
        ..Default::default()
    });
    let close = channel.refused(406, "");
    let expected = format!("PRECONDITION_FAILED - {text}");
    assert_eq!(close.reply_text.as_str(), expected);
    channel.reopen();
}

#[track_caller]
fn check_channel_refused(connection: &Connection, text: &str) {
    connection.unopened_channel(99).send(channels::Open {});
    let close = connection.refused(530, "");
    assert_eq!(close.reply_text.as_str(), format!("NOT_ALLOWED - {text}"));
}

#[test]
fn a_vhost_takes_so_many_queues_and_keeps_those_it_has() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    channel.queue("first");
    let max_queues = |most| VHostLimits {
        max_queues: limit(most),
        ..VHostLimits::default()
    };
    let refusal =
        |most| format!("cannot declare queue 'next': queue limit in vhost '/' ({most}) is reached");
    limit_vhost(&broker, max_queues(0));
    check_declare_refused(&channel, "next", &refusal(0));
    channel.queue("first");
    channel.fill("first", &["a"]);
    assert_eq!(channel.drain("first"), ["a"]);
    limit_vhost(&broker, max_queues(2));
    channel.queue("second");
    check_declare_refused(&channel, "next", &refusal(2));
    channel.delete_queue("second");
    channel.queue("next");
    limit_vhost(&broker, max_queues(-1));
    channel.queue("one more");
}

#[test]
fn a_vhost_takes_so_many_connections() {
    let broker = InProcess::start();
    let first = Connection::open(broker.amqp());
    let max_connections = |most| VHostLimits {
        max_connections: limit(most),
        ..VHostLimits::default()
    };
    let refusal = |most| {
        format!(
            "access to vhost '/' refused for user 'guest': connection limit ({most}) is reached"
        )
    };
    limit_vhost(&broker, max_connections(0));
    check_open_refused(&broker, &refusal(0));
    limit_vhost(&broker, max_connections(1));
    check_open_refused(&broker, &refusal(1));
    first.channel().queue("still served");
    first.close();
    Connection::open(broker.amqp());
    limit_vhost(&broker, max_connections(-1));
    let _both = [(); 2].map(|()| Connection::open(broker.amqp()));
}

#[test]
fn a_user_opens_so_many_connections() {
    let broker = InProcess::start();
    limit_user(
        &broker,
        UserLimits {
            max_connections: limit(1),
            ..UserLimits::default()
        },
    );
    let first = Connection::open(broker.amqp());
    let text = "connection refused for user 'guest': user connection limit (1) is reached";
    check_open_refused(&broker, text);
    assert_eq!(vhost(&broker).usage().connections.count(), 1);
    first.close();
    Connection::open(broker.amqp());
}

#[test]
fn a_user_opens_so_many_channels_and_keeps_those_that_are_open() {
    let broker = InProcess::start();
    let connection = Connection::open(broker.amqp());
    let (first, second) = (connection.channel(), connection.channel());
    limit_user(
        &broker,
        UserLimits {
            max_channels: limit(2),
            ..UserLimits::default()
        },
    );
    first.queue("still served");
    second.close();
    let other = Connection::open(broker.amqp());
    let third = other.channel();
    let text = "number of channels opened for user 'guest' has reached the maximum allowed user \
                limit of 2";
    check_channel_refused(&connection, text);
    third.queue("still served too");
    // The refusal closed a connection, and its channel counts no more.
    other.channel();
    assert_eq!(broker.broker().usage_of("guest").channels.count(), 2);
}

#[test]
fn a_broker_takes_so_many_connections_and_channels() {
    let broker = limit_node(NodeLimits {
        connections: limit(1),
        channels: limit(1),
        ..NodeLimits::default()
    });
    let connection = Connection::open(broker.amqp());
    let _channel = connection.channel();
    let text = "connection refused: node connection limit (1) is reached";
    check_open_refused(&broker, text);
    let node = &broker.broker().config().node_name;
    let text = format!(
        "number of channels opened on node '{node}' has reached the maximum allowed limit of 1"
    );
    check_channel_refused(&connection, &text);
}

#[test]
fn a_channel_takes_so_many_consumers() {
    let broker = limit_node(NodeLimits {
        consumers_per_channel: limit(1),
        ..NodeLimits::default()
    });
    let channel = channel(&broker);
    let queue = channel.queue("q");
    let tag = channel.consume(&queue);
    channel.cancel(&tag);
    channel.consume(&queue);
    channel.connection().channel().consume(&queue);
    channel.send(basic::Consume {
        queue: queue.into(),
        ..Default::default()
    });
    let connection = channel.connection();
    connection.refused(530, "reached maximum (1) of consumers per channel");
}

#[test]
fn a_broker_takes_so_many_queues_and_exchanges() {
    let predeclared = InProcess::start();
    let exchanges = vhost(&predeclared).snapshot().topology.exchange_count();
    let broker = limit_node(NodeLimits {
        queues: limit(1),
        exchanges: limit(exchanges as i64 + 1),
        ..NodeLimits::default()
    });
    let channel = channel(&broker);
    channel.queue("q");
    let text = "cannot declare queue 'next': queue limit in cluster (1) is reached";
    check_declare_refused(&channel, "next", text);
    channel.exchange("e", "fanout");
    channel.send(exchange::Declare {
        exchange: "next".into(),
        kind: "fanout".into(),
        ..Default::default()
    });
    channel.refused(406, "cannot declare exchange 'next': exchange limit of");
    channel.reopen();
    channel.delete_exchange("e");
    channel.exchange("next", "fanout");
}

#[test]
fn limits_survive_a_restart() {
    let mut broker = InProcess::start();
    let limits = VHostLimits {
        max_queues: limit(0),
        max_connections: limit(5),
    };
    limit_vhost(&broker, limits);
    let of_user = UserLimits {
        max_channels: limit(7),
        ..UserLimits::default()
    };
    limit_user(&broker, of_user);
    broker.restart();
    assert_eq!(vhost(&broker).limits(), limits);
    let user = broker
        .broker()
        .users()
        .user("guest")
        .expect("the default user");
    assert_eq!(user.limits(), of_user);
    let text = "cannot declare queue 'q': queue limit in vhost '/' (0) is reached";
    check_declare_refused(&channel(&broker), "q", text);
}
