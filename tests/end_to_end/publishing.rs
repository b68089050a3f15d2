//! Publishing: confirms and returns.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation};

use crate::support::*;

const MANDATORY: BasicPublishOptions = BasicPublishOptions {
    mandatory: true,
    immediate: false,
};

async fn publish_mandatory(channel: &Channel, exchange: &str, key: &str) -> Confirmation {
    let properties = BasicProperties::default().with_message_id("the one".into());
    let sent = channel.basic_publish(exchange.into(), key.into(), MANDATORY, b"kept", properties);
    within(async { sent.await?.await }).await.expect("publish")
}

#[tokio::test]
async fn every_publish_is_confirmed_once() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let durable = unique("confirms");
    durable_queue(&channel, &durable).await;
    let transient = temporary_queue(&channel).await;
    let publisher = open_confirming(&connection).await;
    let mut confirms = Vec::new();
    for number in 0..3_000_u32 {
        let queue = [&*durable, &*transient, "no queue at all"][number as usize % 3];
        let mode = 1 + (number % 2) as u8;
        let properties = BasicProperties::default().with_delivery_mode(mode);
        let options = BasicPublishOptions::default();
        let sent = publisher.basic_publish("".into(), queue.into(), options, b"x", properties);
        confirms.push(sent.await.expect("publish"));
    }
    for confirm in confirms {
        assert_eq!(
            within(confirm).await.expect("confirm"),
            Confirmation::Ack(None)
        );
    }
    assert_eq!(counts(&channel, &durable).await.0, 1_000);
    assert_eq!(counts(&channel, &transient).await.0, 1_000);
}

#[tokio::test]
async fn confirms_may_be_selected_late_and_twice() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    publish(&channel, "", &queue, b"before").await;
    for _ in 0..2 {
        within(channel.confirm_select(ConfirmSelectOptions::default()))
            .await
            .expect("select");
        let (body, properties) = (b"after", BasicProperties::default());
        assert!(
            publish_with(&channel, "", &queue, body, properties)
                .await
                .is_ack()
        );
    }
    assert_eq!(drain(&channel, &queue).await, ["before", "after", "after"]);
}

#[tokio::test]
async fn a_lone_message_is_confirmed_without_waiting_for_more() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = unique("lone");
    durable_queue(&channel, &queue).await;
    let publisher = open_confirming(&connection).await;
    for _ in 0..20 {
        let properties = BasicProperties::default().with_delivery_mode(2);
        assert!(
            publish_with(&publisher, "", &queue, b"alone", properties)
                .await
                .is_ack()
        );
    }
}

#[tokio::test]
async fn a_mandatory_message_without_a_queue_is_returned_before_its_confirm() {
    let server = Server::start();
    let channel = open_confirming(&server.connect().await).await;
    let key = unique("nowhere");
    let confirmation = publish_mandatory(&channel, "amq.direct", &key).await;
    assert!(confirmation.is_ack());
    let returned = confirmation
        .take_message()
        .expect("the message, returned first");
    assert_eq!(
        (returned.reply_code, returned.reply_text.as_str()),
        (312, "NO_ROUTE")
    );
    assert_eq!(returned.exchange.as_str(), "amq.direct");
    assert_eq!(returned.routing_key.as_str(), key);
    assert_eq!(returned.data, b"kept");
    let id = returned
        .properties
        .message_id()
        .as_ref()
        .expect("the message-id");
    assert_eq!(id.as_str(), "the one");
}

#[tokio::test]
async fn a_mandatory_message_with_a_queue_is_not_returned() {
    let server = Server::start();
    let channel = open_confirming(&server.connect().await).await;
    let queue = temporary_queue(&channel).await;
    let confirmation = publish_mandatory(&channel, "", &queue).await;
    assert_eq!(confirmation, Confirmation::Ack(None));
    assert_eq!(drain(&channel, &queue).await, ["kept"]);
}

#[tokio::test]
async fn one_copy_for_every_queue_and_one_confirm() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let mut queues = Vec::new();
    for _ in 0..50 {
        let queue = temporary_queue(&channel).await;
        let (options, arguments) = Default::default();
        let name = queue.as_str().into();
        let bound = channel.queue_bind(name, "amq.fanout".into(), "".into(), options, arguments);
        within(bound).await.expect("bind");
        queues.push(queue);
    }
    let publisher = open_confirming(&connection).await;
    for body in ["first", "second"] {
        publish(&publisher, "amq.fanout", "", body.as_bytes()).await;
    }
    for queue in queues {
        assert_eq!(drain(&channel, &queue).await, ["first", "second"]);
    }
}

#[tokio::test]
async fn publishing_to_a_missing_exchange_closes_the_channel() {
    let server = Server::start();
    let connection = server.connect().await;
    let channel = open_confirming(&connection).await;
    let exchange = unique("missing");
    let (options, properties) = Default::default();
    let sent = channel.basic_publish((&*exchange).into(), "".into(), options, b"", properties);
    let result = within(async { sent.await?.await }).await;
    assert_refused(
        result,
        404,
        &format!("no exchange '{exchange}' in vhost '/'"),
    );
    open(&connection).await;
}

#[tokio::test]
async fn a_false_user_id_is_refused_and_the_true_one_is_kept() {
    let server = Server::start();
    let connection = server.connect().await;
    let channel = open_confirming(&connection).await;
    let queue = temporary_queue(&channel).await;
    let honest = BasicProperties::default().with_user_id("guest".into());
    assert!(
        publish_with(&channel, "", &queue, b"mine", honest)
            .await
            .is_ack()
    );

    let liar = open_confirming(&connection).await;
    let false_name = BasicProperties::default().with_user_id("admin".into());
    let options = BasicPublishOptions::default();
    let sent = liar.basic_publish("".into(), (&*queue).into(), options, b"", false_name);
    let result = within(async { sent.await?.await }).await;
    assert_refused(result, 406, "user_id property set to 'admin'");
    assert_eq!(drain(&channel, &queue).await, ["mine"]);
}

#[tokio::test]
async fn an_expiration_that_is_no_number_is_refused() {
    let server = Server::start();
    let channel = open_confirming(&server.connect().await).await;
    let queue = temporary_queue(&channel).await;
    let properties = BasicProperties::default().with_expiration("soon".into());
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish("".into(), (&*queue).into(), options, b"", properties);
    let result = within(async { sent.await?.await }).await;
    assert_refused(result, 406, "invalid expiration 'soon'");
}

#[tokio::test]
async fn many_publishers_to_one_queue_keep_their_own_order() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let queue = unique("many");
    durable_queue(&channel, &queue).await;
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..8 {
        let channel = open_confirming(&server.connect().await).await;
        let queue = queue.clone();
        publishers.spawn(async move {
            for number in 0..250 {
                let body = format!("{publisher} {number}");
                let (options, properties) = Default::default();
                let sent = channel.basic_publish(
                    "".into(),
                    (&*queue).into(),
                    options,
                    body.as_bytes(),
                    properties,
                );
                drop(sent.await.expect("publish"));
            }
            within(channel.wait_for_confirms()).await.expect("confirms");
            channel
        });
    }
    within(publishers.join_all()).await;
    let bodies = drain(&channel, &queue).await;
    assert_eq!(bodies.len(), 2_000);
    for publisher in 0..8 {
        let own = format!("{publisher} ");
        let received: Vec<_> = bodies
            .iter()
            .filter_map(|body| body.strip_prefix(&own))
            .collect();
        assert_eq!(received, numbers(0..250));
    }
}
