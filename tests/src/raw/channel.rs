//! A channel: the methods that tests use often, and what they expect back.

use amq_protocol::protocol::{
    AMQPClass, BasicProperties, basic, channel, confirm, exchange, queue,
};
use amq_protocol::types::FieldTable;

use super::connection::Connection;
use super::frame::{Frame, encode_properties};
use super::message::{Content, Delivery, Got};
use super::method::{Event, Expected, Method};

#[derive(Clone, Debug)]
pub struct Channel {
    connection: Connection,
    id: u16,
}

/// Sending and expecting.
impl Channel {
    pub(super) fn new(connection: Connection, id: u16) -> Self {
        Self { connection, id }
    }

    pub fn id(&self) -> u16 {
        self.id
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    pub fn send(&self, method: impl Method) {
        self.connection.send_frame(&Frame::method(self.id, method));
    }

    /// Sends a method and expects `T` as the next thing on this channel.
    #[track_caller]
    pub fn call<T: Expected>(&self, method: impl Method) -> T {
        self.send(method);
        self.expect()
    }

    /// Expects `T` as the next thing on this channel.
    #[track_caller]
    pub fn expect<T: Expected>(&self) -> T {
        let event = self.next();
        T::from_event(event)
            .unwrap_or_else(|event| panic!("channel {}: {event:?} instead of {}", self.id, T::NAME))
    }

    /// The next method on this channel, with its message.
    #[track_caller]
    pub fn next(&self) -> Event {
        let method = self.next_frame().decode_method();
        let has_content = matches!(
            method,
            AMQPClass::Basic(
                basic::AMQPMethod::Deliver(_)
                    | basic::AMQPMethod::GetOk(_)
                    | basic::AMQPMethod::Return(_)
            )
        );
        let content = has_content.then(|| self.next_content());
        Event { method, content }
    }

    #[track_caller]
    fn next_content(&self) -> Content {
        let header = self.next_frame();
        assert_eq!(
            header.kind,
            Frame::HEADER,
            "a content header instead of {header:02x?}"
        );
        assert_eq!(header.payload[..4], [0, 60, 0, 0], "class and weight");
        let (size, properties) = header.payload[4..].split_at(8);
        let size = u64::from_be_bytes(size.try_into().expect("eight bytes"));
        let mut content = Content {
            properties: properties.to_vec(),
            body: Vec::new(),
            frames: Vec::new(),
        };
        while (content.body.len() as u64) < size {
            let frame = self.next_frame();
            assert_eq!(frame.kind, Frame::BODY, "a body instead of {frame:02x?}");
            content.frames.push(frame.payload.len());
            content.body.extend(frame.payload);
        }
        assert_eq!(
            content.body.len() as u64,
            size,
            "the announced size of the body"
        );
        content
    }

    #[track_caller]
    fn next_frame(&self) -> Frame {
        let frame = self.connection.next_on(self.id);
        frame.unwrap_or_else(|| panic!("the stream ended while channel {} waited", self.id))
    }

    /// Makes a round trip and fails when anything else comes first.
    #[track_caller]
    pub fn expect_nothing(&self) {
        self.call::<channel::FlowOk>(channel::Flow { active: true });
    }

    /// Expects the broker to close the channel with this code and these words, and answers.
    #[track_caller]
    pub fn refused(&self, code: u16, words: &str) -> channel::Close {
        let close = self.refused_without_answer(code, words);
        self.send(channel::CloseOk {});
        close
    }

    /// The same, but the broker does not get its `close-ok` yet.
    #[track_caller]
    pub fn refused_without_answer(&self, code: u16, words: &str) -> channel::Close {
        let close: channel::Close = self.expect();
        check_close(close.reply_code, close.reply_text.as_str(), code, words);
        close
    }

    #[track_caller]
    pub fn close(&self) {
        self.call::<channel::CloseOk>(channel::Close {
            reply_code: 200,
            reply_text: "".into(),
            class_id: 0,
            method_id: 0,
        });
    }

    /// Opens the channel again after it was closed.
    #[track_caller]
    pub fn reopen(&self) {
        self.call::<channel::OpenOk>(channel::Open {});
    }
}

/// Exchanges, queues, bindings.
impl Channel {
    /// Declares an exchange and gives its name back.
    #[track_caller]
    pub fn exchange(&self, name: &str, kind: &str) -> String {
        self.exchange_with(name, kind, FieldTable::default())
    }

    #[track_caller]
    pub fn exchange_with(&self, name: &str, kind: &str, arguments: FieldTable) -> String {
        self.call::<exchange::DeclareOk>(exchange::Declare {
            exchange: name.into(),
            kind: kind.into(),
            arguments,
            ..Default::default()
        });
        name.to_owned()
    }

    /// A server-named queue that goes with this connection.
    #[track_caller]
    pub fn temporary_queue(&self) -> String {
        let declare = queue::Declare {
            exclusive: true,
            ..Default::default()
        };
        self.call::<queue::DeclareOk>(declare).queue.into()
    }

    /// Declares a transient queue that every connection may use and gives its name back.
    #[track_caller]
    pub fn queue(&self, name: &str) -> String {
        self.queue_with(name, FieldTable::default())
    }

    #[track_caller]
    pub fn queue_with(&self, name: &str, arguments: FieldTable) -> String {
        self.call::<queue::DeclareOk>(queue::Declare {
            queue: name.into(),
            arguments,
            ..Default::default()
        });
        name.to_owned()
    }

    /// Declares a queue that outlives a restart.
    #[track_caller]
    pub fn durable_queue_with(&self, name: &str, arguments: FieldTable) -> String {
        self.call::<queue::DeclareOk>(queue::Declare {
            queue: name.into(),
            durable: true,
            arguments,
            ..Default::default()
        });
        name.to_owned()
    }

    /// Ready messages and consumers of the queue.
    #[track_caller]
    pub fn counts(&self, queue: &str) -> (u32, u32) {
        let passive = queue::Declare {
            queue: queue.into(),
            passive: true,
            ..Default::default()
        };
        let declared: queue::DeclareOk = self.call(passive);
        (declared.message_count, declared.consumer_count)
    }

    #[track_caller]
    pub fn bind(&self, queue: &str, exchange: &str, routing_key: &str) {
        self.bind_with(queue, exchange, routing_key, FieldTable::default());
    }

    #[track_caller]
    pub fn bind_with(&self, queue: &str, exchange: &str, routing_key: &str, table: FieldTable) {
        self.call::<queue::BindOk>(queue::Bind {
            queue: queue.into(),
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            nowait: false,
            arguments: table,
        });
    }

    #[track_caller]
    pub fn unbind(&self, queue: &str, exchange: &str, routing_key: &str) {
        self.call::<queue::UnbindOk>(queue::Unbind {
            queue: queue.into(),
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            arguments: FieldTable::default(),
        });
    }

    /// Binds an exchange to an exchange.
    #[track_caller]
    pub fn bind_exchange(&self, destination: &str, source: &str, routing_key: &str) {
        self.call::<exchange::BindOk>(exchange::Bind {
            destination: destination.into(),
            source: source.into(),
            routing_key: routing_key.into(),
            nowait: false,
            arguments: FieldTable::default(),
        });
    }

    #[track_caller]
    pub fn unbind_exchange(&self, destination: &str, source: &str, routing_key: &str) {
        self.call::<exchange::UnbindOk>(exchange::Unbind {
            destination: destination.into(),
            source: source.into(),
            routing_key: routing_key.into(),
            nowait: false,
            arguments: FieldTable::default(),
        });
    }

    #[track_caller]
    pub fn delete_queue(&self, queue: &str) -> u32 {
        let delete = queue::Delete {
            queue: queue.into(),
            ..Default::default()
        };
        self.call::<queue::DeleteOk>(delete).message_count
    }

    #[track_caller]
    pub fn delete_exchange(&self, exchange: &str) {
        let delete = exchange::Delete {
            exchange: exchange.into(),
            ..Default::default()
        };
        self.call::<exchange::DeleteOk>(delete);
    }
}

/// Messages.
impl Channel {
    pub fn publish(&self, exchange: &str, routing_key: &str, body: &str) {
        self.publish_with(exchange, routing_key, body, &BasicProperties::default());
    }

    pub fn publish_with(
        &self,
        exchange: &str,
        routing_key: &str,
        body: &str,
        properties: &BasicProperties,
    ) {
        self.send_message(publish(exchange, routing_key), properties, body.as_bytes());
    }

    pub fn publish_mandatory(&self, exchange: &str, routing_key: &str, body: &str) {
        let method = basic::Publish {
            mandatory: true,
            ..publish(exchange, routing_key)
        };
        self.send_message(method, &BasicProperties::default(), body.as_bytes());
    }

    /// Puts messages into a queue and returns when they are there for everybody. A channel of its own
    /// confirms them.
    #[track_caller]
    pub fn fill(&self, queue: &str, bodies: &[&str]) {
        let channel = self.connection.channel();
        channel.confirm();
        for body in bodies {
            channel.publish("", queue, body);
        }
        channel.confirmed(bodies.len() as u64);
        channel.close();
    }

    /// Sends the method, the header and the body, in frames as large as was negotiated.
    pub fn send_message(&self, method: basic::Publish, properties: &BasicProperties, body: &[u8]) {
        self.send_encoded_message(method, &encode_properties(properties), body);
    }

    /// The same with properties (flags first) that are encoded already.
    pub fn send_encoded_message(&self, method: basic::Publish, properties: &[u8], body: &[u8]) {
        let mut frames = vec![
            Frame::method(self.id, method),
            Frame::header_of_class(60, self.id, body.len() as u64, properties),
        ];
        let payload_max = self.connection.frame_max() as usize - 8;
        frames.extend(
            body.chunks(payload_max)
                .map(|chunk| Frame::body(self.id, chunk)),
        );
        self.connection.send_frames(&frames);
    }

    /// Starts confirms.
    #[track_caller]
    pub fn confirm(&self) {
        self.call::<confirm::SelectOk>(confirm::Select { nowait: false });
    }

    /// Waits until the broker has acked everything up to `delivery_tag`, each tag once.
    #[track_caller]
    pub fn confirmed(&self, delivery_tag: u64) {
        let mut outstanding: Vec<u64> = (1..=delivery_tag).collect();
        while !outstanding.is_empty() {
            let ack: basic::Ack = self.expect();
            let before = outstanding.len();
            outstanding.retain(|tag| match ack.multiple {
                true => *tag > ack.delivery_tag,
                false => *tag != ack.delivery_tag,
            });
            assert!(outstanding.len() < before, "{ack:?} acks nothing new");
        }
    }

    /// Consumes with acks and gives the consumer tag back.
    #[track_caller]
    pub fn consume(&self, queue: &str) -> String {
        self.consume_with(consume(queue))
    }

    #[track_caller]
    pub fn consume_with(&self, method: basic::Consume) -> String {
        self.call::<basic::ConsumeOk>(method).consumer_tag.into()
    }

    #[track_caller]
    pub fn cancel(&self, consumer_tag: &str) {
        let cancel = basic::Cancel {
            consumer_tag: consumer_tag.into(),
            nowait: false,
        };
        let answer: basic::CancelOk = self.call(cancel);
        assert_eq!(
            answer.consumer_tag.as_str(),
            consumer_tag,
            "the tag of basic.cancel-ok"
        );
    }

    #[track_caller]
    pub fn delivery(&self) -> Delivery {
        self.expect()
    }

    /// The bodies of the next deliveries.
    #[track_caller]
    pub fn deliveries(&self, count: usize) -> Vec<String> {
        let mut bodies = Vec::new();
        while bodies.len() < count {
            bodies.push(self.delivery().text());
        }
        bodies
    }

    /// `basic.get` with acks; `None` when the queue is empty.
    #[track_caller]
    pub fn get(&self, queue: &str) -> Option<Got> {
        self.get_with(basic::Get {
            queue: queue.into(),
            no_ack: false,
        })
    }

    #[track_caller]
    pub fn get_with(&self, method: basic::Get) -> Option<Got> {
        self.send(method);
        let event = self.next();
        match Got::from_event(event) {
            Ok(got) => Some(got),
            Err(event) => match basic::GetEmpty::from_event(*event) {
                Ok(_) => None,
                Err(event) => panic!("{event:?} instead of an answer to basic.get"),
            },
        }
    }

    /// Fetches one that must be there.
    #[track_caller]
    pub fn got(&self, queue: &str) -> Got {
        self.get(queue)
            .unwrap_or_else(|| panic!("nothing in '{queue}'"))
    }

    /// Fetches everything that is ready, for good: the bodies.
    #[track_caller]
    pub fn drain(&self, queue: &str) -> Vec<String> {
        let get = || {
            self.get_with(basic::Get {
                queue: queue.into(),
                no_ack: true,
            })
        };
        std::iter::from_fn(get).map(|got| got.text()).collect()
    }

    pub fn ack(&self, delivery_tag: u64) {
        self.send(basic::Ack {
            delivery_tag,
            multiple: false,
        });
    }

    pub fn ack_up_to(&self, delivery_tag: u64) {
        self.send(basic::Ack {
            delivery_tag,
            multiple: true,
        });
    }

    pub fn nack(&self, delivery_tag: u64, requeue: bool) {
        self.send(basic::Nack {
            delivery_tag,
            multiple: false,
            requeue,
        });
    }

    pub fn nack_up_to(&self, delivery_tag: u64, requeue: bool) {
        self.send(basic::Nack {
            delivery_tag,
            multiple: true,
            requeue,
        });
    }

    pub fn reject(&self, delivery_tag: u64, requeue: bool) {
        self.send(basic::Reject {
            delivery_tag,
            requeue,
        });
    }

    #[track_caller]
    pub fn qos(&self, prefetch_count: u16, global: bool) {
        self.call::<basic::QosOk>(basic::Qos {
            prefetch_count,
            global,
        });
    }
}

/// `basic.publish` without flags.
fn publish(exchange: &str, routing_key: &str) -> basic::Publish {
    basic::Publish {
        exchange: exchange.into(),
        routing_key: routing_key.into(),
        mandatory: false,
        immediate: false,
    }
}

/// `basic.consume` with acks and a tag from the server.
fn consume(queue: &str) -> basic::Consume {
    basic::Consume {
        queue: queue.into(),
        ..Default::default()
    }
}

/// Checks a refusal: its code, the code's name in front of the text, and words of the text.
#[track_caller]
pub(super) fn check_close(code: u16, text: &str, expected: u16, words: &str) {
    assert_eq!(code, expected, "the reply code of '{text}'");
    let name = match code {
        320 => "CONNECTION_FORCED",
        403 => "ACCESS_REFUSED",
        404 => "NOT_FOUND",
        405 => "RESOURCE_LOCKED",
        406 => "PRECONDITION_FAILED",
        501 => "FRAME_ERROR",
        502 => "SYNTAX_ERROR",
        503 => "COMMAND_INVALID",
        504 => "CHANNEL_ERROR",
        505 => "UNEXPECTED_FRAME",
        506 => "RESOURCE_ERROR",
        530 => "NOT_ALLOWED",
        540 => "NOT_IMPLEMENTED",
        541 => "INTERNAL_ERROR",
        _ => panic!("the reply code {code} is not one of AMQP's"),
    };
    let rest = text
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix(" - "));
    assert!(rest.is_some(), "'{text}' does not start with '{name} - '");
    assert!(text.contains(words), "'{words}' is not in '{text}'");
}
