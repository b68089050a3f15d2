//! What goes in comes out: bodies of every size, properties of every type.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, ByteArray, DecimalValue, FieldArray};

use crate::support::*;

/// A body that shows where it was cut or shifted.
fn patterned(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}

#[tokio::test]
async fn bodies_of_any_size_arrive_unchanged() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    let publisher = open_confirming(&connection).await;
    let mut consumer = consume(&open(&connection).await, &queue).await;
    let frame = connection.configuration().frame_max() as usize - 8;
    let sizes = [
        0,
        1,
        2,
        255,
        4_095,
        4_096,
        4_097,
        65_536,
        frame - 1,
        frame,
        frame + 1,
    ]
    .into_iter()
    .chain([2 * frame, 2 * frame + 1, 1_000_000, 10_000_000]);
    for size in sizes {
        let body = patterned(size);
        publish(&publisher, "", &queue, &body).await;
        let delivery = next(&mut consumer).await;
        assert!(
            delivery.data == body,
            "a body of {size} bytes came back different"
        );
    }
}

#[tokio::test]
async fn large_persistent_bodies_wait_in_order() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = unique("large");
    durable_queue(&channel, &queue).await;
    let publisher = open_confirming(&connection).await;
    let sizes = [10, 3_000_000, 5_000, 10_000_000, 100, 0, 200_000];
    for size in sizes {
        let properties = BasicProperties::default().with_delivery_mode(2);
        publish_with(&publisher, "", &queue, &patterned(size), properties).await;
    }
    for size in sizes {
        let message = get(&channel, &queue).await.expect("a message");
        assert!(
            message.data == patterned(size),
            "a body of {size} bytes came back different"
        );
        within(message.ack(Default::default())).await.expect("ack");
    }
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused() {
    let server = Server::start();
    let connection = server.connect().await;
    let channel = open_confirming(&connection).await;
    let queue = temporary_queue(&channel).await;
    let body = vec![0; (128 << 20) + 1];
    let (options, properties) = Default::default();
    let sent = channel.basic_publish("".into(), (&*queue).into(), options, &body, properties);
    let result = within(async { sent.await?.await }).await;
    assert_refused(result, 406, "larger than");
    temporary_queue(&open(&connection).await).await;
}

#[tokio::test]
async fn every_property_and_every_header_type_comes_back() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    let nested = table([(
        "deep",
        AMQPValue::FieldTable(table([("deeper", AMQPValue::Void)])),
    )]);
    let list = vec![
        AMQPValue::LongInt(1),
        long_string("two"),
        AMQPValue::Boolean(true),
    ];
    let headers = table([
        ("boolean", AMQPValue::Boolean(true)),
        ("i8", AMQPValue::ShortShortInt(-8)),
        ("u8", AMQPValue::ShortShortUInt(200)),
        ("i16", AMQPValue::ShortInt(-16_000)),
        ("u16", AMQPValue::ShortUInt(60_000)),
        ("i32", AMQPValue::LongInt(-32_000_000)),
        ("u32", AMQPValue::LongUInt(4_000_000_000)),
        ("i64", AMQPValue::LongLongInt(i64::MIN)),
        ("f32", AMQPValue::Float(1.5)),
        ("f64", AMQPValue::Double(-2.25)),
        (
            "decimal",
            AMQPValue::DecimalValue(DecimalValue {
                scale: 2,
                value: 314,
            }),
        ),
        ("text", long_string("grün \u{1F680}")),
        ("list", AMQPValue::FieldArray(FieldArray::from(list))),
        ("time", AMQPValue::Timestamp(1_700_000_000)),
        ("table", AMQPValue::FieldTable(nested)),
        (
            "bytes",
            AMQPValue::ByteArray(ByteArray::from(vec![0, 255, 10])),
        ),
        ("void", AMQPValue::Void),
        ("", long_string("a header without a name")),
    ]);
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        .with_headers(headers)
        .with_delivery_mode(2)
        .with_priority(9)
        .with_correlation_id("correlation".into())
        .with_reply_to("somewhere".into())
        .with_expiration("3600000".into())
        .with_message_id("message".into())
        .with_timestamp(1_234_567_890)
        .with_type("kind".into())
        .with_user_id("guest".into())
        .with_app_id("application".into())
        .with_cluster_id("cluster".into());
    let publisher = open_confirming(&connection).await;
    publish_with(&publisher, "", &queue, b"all of them", properties.clone()).await;
    publish_with(&publisher, "", &queue, b"none", BasicProperties::default()).await;
    let mut consumer = consume(&channel, &queue).await;
    assert_eq!(next(&mut consumer).await.properties, properties);
    assert_eq!(
        next(&mut consumer).await.properties,
        BasicProperties::default()
    );
}
