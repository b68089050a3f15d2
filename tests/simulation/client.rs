//! A client: what it knows from the frames that have reached it, and what it asks for.
//!
//! It only acks what it has been delivered and not settled yet, and leaves a channel alone that is
//! being closed. Everything else may cross what the others do.

use std::collections::{BTreeMap, VecDeque};

use ferrymq_amqp::method::{self, Method, basic, channel, confirm, connection, queue, tx};
use ferrymq_amqp::{AMQPClass, AMQPValue, ContentHeader, FrameKind, frame};

use crate::frames::OwnFrame;
use crate::plan::Ask;

/// What a channel was opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    Confirm,
    Transaction,
}

/// What a client knows of one of its channels.
#[derive(Debug)]
pub(crate) struct ClientChannel {
    pub(crate) mode: Mode,
    /// Deliveries to settle, oldest first.
    pub(crate) tags: Vec<u64>,
    /// Settled in the transaction.
    held: Vec<u64>,
    /// Its consumers' tags.
    pub(crate) consumers: Vec<String>,
    /// Which of the gets that are under way need no ack.
    gets: VecDeque<bool>,
    /// `recover-ok`s that are to come: what is delivered before them has gone back already.
    recovering: usize,
    /// The delivery whose content is still to come, and bytes of that.
    incoming: Option<(u64, u64)>,
    /// It has asked for the channel's end.
    closing: bool,
}

/// A client and its connection.
#[derive(Debug, Default)]
pub(crate) struct Client {
    pub(crate) channels: BTreeMap<u16, ClientChannel>,
    next_channel: u16,
    next_consumer: u32,
    /// It has asked for the connection's end, or was told of it.
    pub(crate) leaving: bool,
    /// Bytes for the broker.
    pub(crate) out: Vec<u8>,
}

/// The exchanges that every run has.
pub(crate) const EXCHANGES: [(&str, &str); 3] = [
    ("direct", "direct"),
    ("fanout", "fanout"),
    ("topic", "topic"),
];

/// Without this field table, queues and exchanges are what they are by default.
fn no_arguments() -> ferrymq_amqp::FieldTable {
    Default::default()
}

impl Client {
    /// Connects: everything up to the opened vhost at once.
    pub(crate) fn connect(&mut self, frame_max: u32, heartbeat: u16) {
        self.out.extend_from_slice(&frame::PROTOCOL_HEADER);
        let start_ok = connection::StartOk {
            client_properties: Default::default(),
            mechanism: "PLAIN".into(),
            response: (&b"\0guest\0guest"[..]).into(),
            locale: "en_US".into(),
        };
        let tune_ok = connection::TuneOk {
            channel_max: 0,
            frame_max,
            heartbeat,
        };
        let open = connection::Open {
            virtual_host: crate::machine::VHOST.into(),
        };
        self.send(0, connection::AMQPMethod::StartOk(start_ok));
        self.send(0, connection::AMQPMethod::TuneOk(tune_ok));
        self.send(0, connection::AMQPMethod::Open(open));
    }

    /// Opens a channel, with a prefetch for its consumers.
    pub(crate) fn open_channel(&mut self, mode: Mode, prefetch: u16) -> u16 {
        self.next_channel += 1;
        let id = self.next_channel;
        let opened = ClientChannel {
            mode,
            tags: Vec::new(),
            held: Vec::new(),
            consumers: Vec::new(),
            gets: VecDeque::new(),
            recovering: 0,
            incoming: None,
            closing: false,
        };
        self.channels.insert(id, opened);
        self.send(id, channel::AMQPMethod::Open(channel::Open {}));
        let qos = basic::Qos {
            prefetch_count: prefetch,
            global: false,
        };
        self.send(id, basic::AMQPMethod::Qos(qos));
        match mode {
            Mode::Plain => {}
            Mode::Confirm => {
                let select = confirm::Select { nowait: false };
                self.send(id, confirm::AMQPMethod::Select(select));
            }
            Mode::Transaction => self.send(id, tx::AMQPMethod::Select(tx::Select {})),
        }
        id
    }

    pub(crate) fn close_channel(&mut self, id: u16) {
        self.send(
            id,
            channel::AMQPMethod::Close(channel::Close {
                reply_code: 200,
                reply_text: "done".into(),
                class_id: 0,
                method_id: 0,
            }),
        );
        self.channel(id).closing = true;
    }

    pub(crate) fn close(&mut self) {
        self.send(
            0,
            connection::AMQPMethod::Close(connection::Close {
                reply_code: 200,
                reply_text: "done".into(),
                class_id: 0,
                method_id: 0,
            }),
        );
        self.leaving = true;
    }

    /// The channels on which something can be asked for.
    pub(crate) fn channels_for(&self, ask: Ask) -> Vec<u16> {
        let able = self.channels.iter().filter(|(_, channel)| {
            !channel.closing
                && match ask {
                    Ask::Ack | Ask::Nack => !channel.tags.is_empty(),
                    Ask::Cancel => !channel.consumers.is_empty(),
                    Ask::TxCommit | Ask::TxRollback => channel.mode == Mode::Transaction,
                    _ => true,
                }
        });
        able.map(|(id, _)| *id).collect()
    }

    pub(crate) fn channel(&mut self, id: u16) -> &mut ClientChannel {
        self.channels.get_mut(&id).expect("an open channel")
    }

    pub(crate) fn declare_exchange(&mut self, id: u16, name: &str, kind: &str) {
        use ferrymq_amqp::method::exchange;
        let declare = exchange::Declare {
            exchange: name.into(),
            kind: kind.into(),
            passive: false,
            durable: true,
            auto_delete: false,
            internal: false,
            nowait: false,
            arguments: no_arguments(),
        };
        self.send(id, exchange::AMQPMethod::Declare(declare));
    }

    pub(crate) fn declare(
        &mut self,
        id: u16,
        name: &str,
        durable: bool,
        auto_delete: bool,
        relaxed: bool,
    ) {
        let mut arguments = no_arguments();
        if relaxed {
            arguments.insert(
                "x-durability".into(),
                AMQPValue::LongString("relaxed".into()),
            );
        }
        let declare = queue::Declare {
            queue: name.into(),
            passive: false,
            durable,
            exclusive: false,
            auto_delete,
            nowait: false,
            arguments,
        };
        self.send(id, queue::AMQPMethod::Declare(declare));
    }

    /// Asks whether a queue is there, and what it holds.
    pub(crate) fn look(&mut self, id: u16, name: &str) {
        let declare = queue::Declare {
            queue: name.into(),
            passive: true,
            durable: false,
            exclusive: false,
            auto_delete: false,
            nowait: false,
            arguments: no_arguments(),
        };
        self.send(id, queue::AMQPMethod::Declare(declare));
    }

    pub(crate) fn bind(&mut self, id: u16, queue: &str, exchange: &str, key: &str) {
        let bind = queue::Bind {
            queue: queue.into(),
            exchange: exchange.into(),
            routing_key: key.into(),
            nowait: false,
            arguments: no_arguments(),
        };
        self.send(id, queue::AMQPMethod::Bind(bind));
    }

    pub(crate) fn unbind(&mut self, id: u16, queue: &str, exchange: &str, key: &str) {
        let unbind = queue::Unbind {
            queue: queue.into(),
            exchange: exchange.into(),
            routing_key: key.into(),
            arguments: no_arguments(),
        };
        self.send(id, queue::AMQPMethod::Unbind(unbind));
    }

    pub(crate) fn purge(&mut self, id: u16, name: &str) {
        let queue = name.into();
        let purge = queue::Purge {
            queue,
            nowait: false,
        };
        self.send(id, queue::AMQPMethod::Purge(purge));
    }

    pub(crate) fn delete(&mut self, id: u16, name: &str) {
        let delete = queue::Delete {
            queue: name.into(),
            if_unused: false,
            if_empty: false,
            nowait: false,
        };
        self.send(id, queue::AMQPMethod::Delete(delete));
    }

    pub(crate) fn publish(&mut self, id: u16, publish: &Publish<'_>, frame_max: u32) {
        let method = basic::Publish {
            exchange: publish.exchange.into(),
            routing_key: publish.routing_key.into(),
            mandatory: publish.mandatory,
            immediate: false,
        };
        self.send(id, basic::AMQPMethod::Publish(method));
        // One property flag, delivery-mode, and its value.
        let properties: &[u8] = match publish.persistent {
            true => &[0x10, 0, 2],
            false => &[0, 0],
        };
        let (out, body) = (&mut self.out, publish.body);
        ferrymq_amqp::content::encode_content(out, id, frame_max, properties, body);
    }

    pub(crate) fn consume(&mut self, id: u16, name: &str, no_ack: bool) {
        self.next_consumer += 1;
        let tag = format!(
            "{}{}",
            if no_ack { "free" } else { "ack" },
            self.next_consumer
        );
        let consume = basic::Consume {
            queue: name.into(),
            consumer_tag: tag.as_str().into(),
            no_local: false,
            no_ack,
            exclusive: false,
            nowait: false,
            arguments: no_arguments(),
        };
        self.send(id, basic::AMQPMethod::Consume(consume));
        self.channel(id).consumers.push(tag);
    }

    pub(crate) fn cancel(&mut self, id: u16, at: usize) {
        let consumer_tag = self.channel(id).consumers.remove(at).into();
        let cancel = basic::Cancel {
            consumer_tag,
            nowait: false,
        };
        self.send(id, basic::AMQPMethod::Cancel(cancel));
    }

    pub(crate) fn get(&mut self, id: u16, name: &str, no_ack: bool) {
        let get = basic::Get {
            queue: name.into(),
            no_ack,
        };
        self.send(id, basic::AMQPMethod::Get(get));
        self.channel(id).gets.push_back(no_ack);
    }

    /// Settles the delivery at `at` of those to settle; with `multiple` all before it too.
    pub(crate) fn ack(&mut self, id: u16, at: usize, multiple: bool) {
        let delivery_tag = self.take_tags(id, at, multiple);
        let ack = basic::Ack {
            delivery_tag,
            multiple,
        };
        self.send(id, basic::AMQPMethod::Ack(ack));
    }

    /// Like [`Client::ack`]; a single one is rejected or nacked.
    pub(crate) fn nack(&mut self, id: u16, at: usize, multiple: bool, requeue: bool) {
        let delivery_tag = self.take_tags(id, at, multiple);
        let method = if multiple || delivery_tag.is_multiple_of(2) {
            basic::AMQPMethod::Nack(basic::Nack {
                delivery_tag,
                multiple,
                requeue,
            })
        } else {
            basic::AMQPMethod::Reject(basic::Reject {
                delivery_tag,
                requeue,
            })
        };
        self.send(id, method);
    }

    pub(crate) fn recover(&mut self, id: u16) {
        let recover = basic::Recover { requeue: true };
        self.send(id, basic::AMQPMethod::Recover(recover));
        let channel = self.channel(id);
        channel.tags.clear();
        channel.incoming = None;
        channel.recovering += 1;
    }

    pub(crate) fn tx_commit(&mut self, id: u16) {
        self.send(id, tx::AMQPMethod::Commit(tx::Commit {}));
        self.channel(id).held.clear();
    }

    pub(crate) fn tx_rollback(&mut self, id: u16) {
        self.send(id, tx::AMQPMethod::Rollback(tx::Rollback {}));
        let channel = self.channel(id);
        channel.tags.append(&mut channel.held);
        channel.tags.sort_unstable();
    }

    pub(crate) fn heartbeat(&mut self) {
        frame::encode_heartbeat(&mut self.out);
    }

    /// A frame has reached the client.
    pub(crate) fn arrived(&mut self, frame: &OwnFrame) {
        if let Some(channel) = self.channels.get_mut(&frame.channel) {
            channel.content(frame);
        }
        if frame.kind != FrameKind::Method {
            return;
        }
        let class = match method::decode(&frame.payload).expect("methods that decode") {
            Method::Other(class) => class,
            _ => return,
        };
        if let AMQPClass::Connection(connection::AMQPMethod::Close(_)) = class {
            self.leaving = true;
            self.send(0, connection::AMQPMethod::CloseOk(connection::CloseOk {}));
        }
        if self.channels.contains_key(&frame.channel) {
            self.arrived_on(frame.channel, class);
        }
    }

    fn arrived_on(&mut self, id: u16, class: AMQPClass) {
        use basic::AMQPMethod as Basic;
        let channel = self.channel(id);
        match class {
            AMQPClass::Basic(Basic::Deliver(deliver)) => {
                let needs_ack = deliver.consumer_tag.as_str().starts_with("ack");
                if needs_ack && channel.recovering == 0 {
                    channel.incoming = Some((deliver.delivery_tag, 0));
                }
            }
            AMQPClass::Basic(Basic::GetOk(got)) => {
                let no_ack = channel.gets.pop_front().expect("it was asked for");
                if !no_ack && channel.recovering == 0 {
                    channel.incoming = Some((got.delivery_tag, 0));
                }
            }
            AMQPClass::Basic(Basic::GetEmpty(_)) => drop(channel.gets.pop_front()),
            AMQPClass::Basic(Basic::RecoverOk(_)) => channel.recovering -= 1,
            AMQPClass::Basic(Basic::Cancel(cancel)) => {
                let tag = cancel.consumer_tag.as_str();
                channel.consumers.retain(|known| known != tag);
            }
            AMQPClass::Channel(channel::AMQPMethod::Close(_)) => {
                self.channels.remove(&id);
                self.send(id, channel::AMQPMethod::CloseOk(channel::CloseOk {}));
            }
            AMQPClass::Channel(channel::AMQPMethod::CloseOk(_)) => {
                self.channels.remove(&id);
            }
            _ => {}
        }
    }

    fn take_tags(&mut self, id: u16, at: usize, multiple: bool) -> u64 {
        let channel = self.channel(id);
        let tag = channel.tags[at];
        let first = if multiple { 0 } else { at };
        let taken = channel.tags.drain(first..=at);
        match channel.mode {
            Mode::Transaction => channel.held.extend(taken),
            _ => drop(taken),
        }
        tag
    }

    pub(crate) fn send(&mut self, channel: u16, method: impl Into<Sent>) {
        method::encode(&mut self.out, channel, &method.into().0);
    }
}

impl ClientChannel {
    /// A piece of a content: with the last one a delivery can be settled.
    fn content(&mut self, frame: &OwnFrame) {
        let Some((tag, left)) = &mut self.incoming else {
            return;
        };
        match frame.kind {
            FrameKind::Header => {
                let header = ContentHeader::decode(&frame.payload).expect("headers that decode");
                *left = header.body_size;
            }
            FrameKind::Body => *left -= frame.payload.len() as u64,
            FrameKind::Method | FrameKind::Heartbeat => return,
        }
        if *left == 0 {
            self.tags.push(*tag);
            self.incoming = None;
        }
    }
}

/// A message to publish.
pub(crate) struct Publish<'a> {
    pub(crate) exchange: &'a str,
    pub(crate) routing_key: &'a str,
    pub(crate) mandatory: bool,
    pub(crate) persistent: bool,
    pub(crate) body: &'a [u8],
}

/// A method on its way out.
pub(crate) struct Sent(AMQPClass);

macro_rules! sendable {
    ($($class:ident $module:ident)*) => { $(
        impl From<$module::AMQPMethod> for Sent {
            fn from(method: $module::AMQPMethod) -> Self {
                Self(AMQPClass::$class(method))
            }
        }
    )* };
}

use ferrymq_amqp::method::exchange;

sendable! {
    Basic basic Channel channel Confirm confirm Connection connection Exchange exchange
    Queue queue Tx tx
}
