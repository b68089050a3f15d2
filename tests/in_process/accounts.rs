//! Users and permissions: kept, in force at once, and told; security.md 1 and 3 to 5.

use std::time::Duration;

use ferrymq_broker::auth::{PasswordHash, PermissionSet, TopicPermissionSet};
use ferrymq_broker::broker::AccountError;
use ferrymq_broker::limits::{Limit, UserLimits};
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{AMQPValue, Channel, Connection, FieldArray, Login, long_string};

use crate::support::{channel, check, check_texts, event, listener};

const BY: (&str, &str) = ("user_who_performed_action", "boss");

fn put(broker: &InProcess, password: &str, tags: &[&str]) {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let password = PasswordHash::sha256(password.as_bytes());
    let put = broker.broker().put_user("app", password, tags, "boss");
    put.expect("a proper user");
}

fn permit(broker: &InProcess, configure: &str, write: &str, read: &str) {
    let set = PermissionSet::parse(configure, write, read).expect("patterns");
    let given = broker.broker().set_permissions("app", "/", set, "boss");
    given.expect("a user and a vhost");
}

fn permit_topics(broker: &InProcess, exchange: &str, write: &str) {
    let set = TopicPermissionSet::parse(write, ".*", "app", "/").expect("patterns");
    let given = broker
        .broker()
        .set_topic_permissions("app", "/", exchange, set, "boss");
    given.expect("a user and a vhost");
}

/// A broker with a user `app`, who may do everything in the default vhost.
fn with_user() -> InProcess {
    let broker = InProcess::start();
    add_user(&broker);
    broker
}

fn add_user(broker: &InProcess) {
    put(broker, "secret", &[]);
    permit(broker, ".*", ".*", ".*");
}

/// A connection of `app` that has logged in, but opened no vhost.
fn log_in(broker: &InProcess, password: &str) -> Connection {
    let connection = Connection::connect(broker.amqp());
    connection.start();
    let tune = connection.log_in(&Login::plain("app", password));
    connection.tune(tune, Default::default());
    connection
}

fn open(broker: &InProcess) -> Channel {
    let connection = log_in(broker, "secret");
    connection.open_vhost("/");
    connection.channel()
}

#[track_caller]
fn check_login_refused(broker: &InProcess, password: &str) {
    let connection = Connection::connect(broker.amqp());
    connection.start();
    connection.send_start_ok(&Login::plain("app", password));
    connection.refused(403, "Login was refused");
}

#[track_caller]
fn check_publish_refused(channel: &Channel, exchange: &str, key: &str, text: &str) {
    channel.publish(exchange, key, "a");
    channel.refused(403, text);
    channel.reopen();
}

#[track_caller]
fn check_error(outcome: Result<impl Sized, AccountError>, text: &str) {
    assert_eq!(
        outcome.err().map(|error| error.to_string()),
        Some(text.into())
    );
}

#[test]
fn users_and_permissions_survive_a_restart() {
    let mut broker = with_user();
    put(&broker, "secret", &["monitoring"]);
    permit(&broker, "^q", "", "");
    permit_topics(&broker, "amq.topic", "^a");
    broker.restart();
    let channel = open(&broker);
    channel.queue("q");
    check_publish_refused(&channel, "", "q", "write access to exchange 'amq.default'");
    let users = broker.broker().users();
    let user = users.user("app").expect("it survives");
    assert_eq!(user.tags(), ["monitoring"]);
    let topics = users.topic_permissions("app", "/");
    let texts: Vec<_> = topics
        .iter()
        .map(|(name, set)| (&**name, set.texts()))
        .collect();
    assert_eq!(texts, [("amq.topic", ("^a", ".*"))]);
}

#[test]
fn nothing_of_a_deleted_user_comes_back() {
    let mut broker = with_user();
    permit_topics(&broker, "amq.topic", "^a");
    broker.broker().delete_user("app", "boss").expect("a user");
    check_login_refused(&broker, "secret");
    broker.restart();
    check_login_refused(&broker, "secret");
    put(&broker, "secret", &[]);
    broker.restart();
    let users = broker.broker().users();
    assert!(users.permissions("app", "/").is_none());
    assert!(users.topic_permissions("app", "/").is_empty());
}

#[test]
fn cleared_permissions_stay_cleared() {
    let mut broker = with_user();
    permit_topics(&broker, "amq.topic", "^a");
    permit_topics(&broker, "news", "^b");
    permit_topics(&broker, "more", "^c");
    let clear_topics = |broker: &InProcess, exchange| {
        let cleared = broker
            .broker()
            .clear_topic_permissions("app", "/", exchange, "boss");
        cleared.expect("topic permissions");
    };
    clear_topics(&broker, Some("news"));
    broker.restart();
    let users = broker.broker().users();
    let exchanges = users.topic_permissions("app", "/");
    let exchanges: Vec<_> = exchanges.iter().map(|(name, _)| &**name).collect();
    assert_eq!(exchanges, ["amq.topic", "more"]);
    clear_topics(&broker, None);
    let cleared = broker.broker().clear_permissions("app", "/", "boss");
    cleared.expect("permissions");
    broker.restart();
    let users = broker.broker().users();
    assert!(users.permissions("app", "/").is_none());
    assert!(users.topic_permissions("app", "/").is_empty());
}

#[test]
fn the_next_publish_on_an_open_channel_obeys() {
    let broker = with_user();
    let channel = open(&broker);
    channel.queue("q");
    channel.publish("", "q", "before");
    assert_eq!(channel.drain("q"), ["before"]);
    permit(&broker, ".*", "^(amq\\.topic|q)$", ".*");
    check_publish_refused(&channel, "", "q", "write access to exchange 'amq.default'");
    channel.bind("q", "amq.topic", "#");
    permit_topics(&broker, "amq.topic", "^{username}\\.");
    channel.publish("amq.topic", "app.x", "allowed");
    check_publish_refused(&channel, "amq.topic", "x", "write access to topic 'x'");
    let lifted = broker
        .broker()
        .clear_topic_permissions("app", "/", None, "boss");
    lifted.expect("topic permissions");
    channel.publish("amq.topic", "x", "allowed again");
    assert_eq!(channel.drain("q"), ["allowed", "allowed again"]);
    let cleared = broker.broker().clear_permissions("app", "/", "boss");
    cleared.expect("permissions");
    check_publish_refused(&channel, "amq.topic", "app.x", "write access to exchange");
}

#[test]
fn a_new_password_counts_and_connections_stay() {
    let broker = with_user();
    let limits = UserLimits {
        max_channels: Limit(Some(2)),
        ..UserLimits::default()
    };
    let limited = broker.broker().set_user_limits("app", limits, "boss");
    limited.expect("a user");
    let channel = open(&broker);
    put(&broker, "other", &[]);
    channel.queue("still served");
    check_login_refused(&broker, "secret");
    log_in(&broker, "other").open_vhost("/");
    let user = broker.broker().users().user("app").expect("the user");
    assert_eq!(user.limits(), limits);
}

#[test]
fn a_deleted_users_connections_are_closed() {
    let broker = with_user();
    let other = channel(&broker);
    let connection = open(&broker).connection().clone();
    broker.broker().delete_user("app", "boss").expect("a user");
    let close = connection.read_to_close().expect("a close");
    assert_eq!(close.reply_code, 320);
    assert_eq!(
        close.reply_text.as_str(),
        "CONNECTION_FORCED - user 'app' is deleted"
    );
    other.queue("still served");
}

#[test]
fn who_has_logged_in_is_nobody_under_the_name_of_another() {
    let broker = InProcess::start_with(|config| {
        // Nothing else may close the connection before the test gives up.
        config.handshake_timeout = Duration::from_secs(3_600);
    });
    add_user(&broker);
    let waiting = Connection::connect(broker.amqp());
    waiting.start();
    waiting.log_in(&Login::plain("app", "secret"));
    broker.broker().delete_user("app", "boss").expect("a user");
    add_user(&broker);
    waiting.expect_end();
}

#[test]
fn users_are_told_of() {
    let broker = InProcess::start();
    let events = listener(&broker, "user.#");
    let names = [("name", "app"), BY];
    put(&broker, "secret", &["monitoring"]);
    check_texts(&event(&events, "user.created"), &names);
    let tagged = event(&events, "user.tags.set");
    check_texts(&tagged, &names);
    let tags = FieldArray::from(vec![long_string("monitoring")]);
    check(&tagged, "tags", AMQPValue::FieldArray(tags));
    put(&broker, "other", &["monitoring"]);
    check_texts(&event(&events, "user.password.changed"), &names);
    let tags = vec!["monitoring".to_owned()];
    let cleared = broker
        .broker()
        .put_user("app", PasswordHash::Absent, tags, "boss");
    cleared.expect("a proper user");
    check_texts(&event(&events, "user.password.cleared"), &names);
    let limits = UserLimits {
        max_channels: Limit(Some(2)),
        ..UserLimits::default()
    };
    let of_limits = [("username", "app"), ("name", "limits"), BY];
    for (limits, key) in [
        (limits, "user.limits.set"),
        (UserLimits::default(), "user.limits.cleared"),
    ] {
        let limited = broker.broker().set_user_limits("app", limits, "boss");
        limited.expect("a user");
        let told = event(&events, key);
        check_texts(&told, &of_limits);
        let shown = told.inner().get("max-channels");
        let expected = limits.max_channels.0.map(AMQPValue::LongLongInt);
        assert_eq!(shown, expected.as_ref());
    }
    broker.broker().delete_user("app", "boss").expect("a user");
    check_texts(&event(&events, "user.deleted"), &names);
}

#[test]
fn permissions_are_told_of() {
    let broker = InProcess::start();
    put(&broker, "secret", &[]);
    let (events, topics) = (
        listener(&broker, "permission.*"),
        listener(&broker, "topic.permission.*"),
    );
    let names = [("user", "app"), ("vhost", "/"), BY];
    permit(&broker, "^c", "^w", "^r");
    let created = event(&events, "permission.created");
    check_texts(&created, &names);
    check_texts(
        &created,
        &[("configure", "^c"), ("write", "^w"), ("read", "^r")],
    );
    permit_topics(&broker, "news", "^{username}");
    let created = event(&topics, "topic.permission.created");
    check_texts(&created, &names);
    check_texts(
        &created,
        &[
            ("exchange", "news"),
            ("write", "^{username}"),
            ("read", ".*"),
        ],
    );
    let broker = broker.broker();
    let cleared = broker.clear_permissions("app", "/", "boss");
    cleared.expect("permissions");
    check_texts(&event(&events, "permission.deleted"), &names);
    let cleared = broker.clear_topic_permissions("app", "/", None, "boss");
    cleared.expect("topic permissions");
    let deleted = event(&topics, "topic.permission.deleted");
    check_texts(&deleted, &names);
    check_texts(&deleted, &[("exchange", "news")]);
}

#[test]
fn a_refusal_names_what_is_missing() {
    let running = InProcess::start();
    put(&running, "secret", &[]);
    let broker = running.broker();
    let all = PermissionSet::all;
    check_error(
        broker.set_permissions("nobody", "/", all(), "boss"),
        "no user 'nobody'",
    );
    check_error(
        broker.set_permissions("app", "nowhere", all(), "boss"),
        "vhost 'nowhere' does not exist",
    );
    check_error(
        broker.clear_permissions("app", "/", "boss"),
        "user 'app' has no permissions in vhost '/'",
    );
    check_error(
        broker.clear_topic_permissions("app", "/", Some("news"), "boss"),
        "user 'app' has no topic permissions in vhost '/'",
    );
    check_error(broker.delete_user("nobody", "boss"), "no user 'nobody'");
    let put = |name, tags| broker.put_user(name, PasswordHash::Absent, tags, "boss");
    check_error(put("", vec![]), "user name cannot be blank");
    check_error(
        put("app", vec!["x".to_owned(); 33]),
        "user 'app' has 33 tags, there may be 32",
    );
    let bad = PermissionSet::parse("", "[", "").unwrap_err().to_string();
    assert!(bad.starts_with("invalid regular expression '['"), "{bad}");
}
