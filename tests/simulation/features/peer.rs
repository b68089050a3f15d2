//! The client: what it says, and which answers it has heard.

use std::collections::{BTreeMap, VecDeque};

use ferrymq_amqp::method::{self, Method, basic, queue};
use ferrymq_amqp::{AMQPClass, ContentHeader, FrameKind, Properties, RawTable, RawValue};
use ferrymq_tests::raw::{BasicProperties, FieldTable, Frame};

use crate::body::MessageId;
use crate::client::{Client, Mode};
use crate::frames::OwnFrame;
use crate::link::{Link, Pace};
use crate::machine::Machine;

/// What the broker answered.
pub(crate) enum Answer {
    Confirmed(MessageId),
    Refused(MessageId),
    Got {
        queue: String,
        tag: u64,
        body: Vec<u8>,
        /// Why it died first.
        reason: Option<String>,
    },
}

/// One connection with one channel.
pub(crate) struct Peer {
    client: Client,
    channel: u16,
    link: Link,
    last_publish: u64,
    unconfirmed: BTreeMap<u64, MessageId>,
    /// The queues that it asked for a message, in order.
    gets: VecDeque<String>,
    incoming: Option<Incoming>,
    /// What it holds: tag, message, and whether that was dead.
    pub(crate) held: Vec<(u64, MessageId, bool)>,
}

struct Incoming {
    queue: String,
    tag: u64,
    size: u64,
    body: Vec<u8>,
    reason: Option<String>,
}

impl Peer {
    pub(crate) fn connect(machine: &Machine) -> Self {
        let mut client = Client::default();
        client.connect(128 * 1024, 0);
        let channel = client.open_channel(Mode::Confirm, 0);
        Self {
            client,
            channel,
            link: Link::new(machine),
            last_publish: 0,
            unconfirmed: BTreeMap::new(),
            gets: VecDeque::new(),
            incoming: None,
            held: Vec::new(),
        }
    }

    pub(crate) fn end(self, machine: &Machine) {
        self.link.end(machine);
    }

    pub(crate) fn declare(&mut self, name: &str, arguments: FieldTable) {
        self.say(queue::AMQPMethod::Declare(queue::Declare {
            queue: name.into(),
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            nowait: false,
            arguments,
        }));
    }

    pub(crate) fn publish(
        &mut self,
        queue: &str,
        properties: &BasicProperties,
        body: &[u8],
        id: MessageId,
    ) {
        self.say(basic::AMQPMethod::Publish(basic::Publish {
            exchange: "".into(),
            routing_key: queue.into(),
            mandatory: false,
            immediate: false,
        }));
        let header = Frame::header(self.channel, body.len() as u64, properties);
        let body = Frame::body(self.channel, body);
        self.client.out.extend(header.encode());
        self.client.out.extend(body.encode());
        self.last_publish += 1;
        self.unconfirmed.insert(self.last_publish, id);
    }

    pub(crate) fn get(&mut self, queue: &str) {
        let no_ack = false;
        self.say(basic::AMQPMethod::Get(basic::Get {
            queue: queue.into(),
            no_ack,
        }));
        self.gets.push_back(queue.to_owned());
    }

    pub(crate) fn ack(&mut self, delivery_tag: u64) {
        let multiple = false;
        self.say(basic::AMQPMethod::Ack(basic::Ack {
            delivery_tag,
            multiple,
        }));
    }

    pub(crate) fn reject(&mut self, delivery_tag: u64, requeue: bool) {
        self.say(basic::AMQPMethod::Reject(basic::Reject {
            delivery_tag,
            requeue,
        }));
    }

    fn say(&mut self, method: impl Into<crate::client::Sent>) {
        self.client.send(self.channel, method);
    }

    pub(crate) fn is_ready(&mut self, machine: &Machine) -> bool {
        !self.client.out.is_empty() || self.link.is_ready(machine)
    }

    /// Whether the broker has not handled everything yet.
    pub(crate) fn is_unheard(&self) -> bool {
        !self.client.out.is_empty() || self.link.is_unheard()
    }

    /// The broker works on the connection as long as it has something to do.
    pub(crate) fn rounds(&mut self, machine: &Machine) -> Vec<Answer> {
        self.link.to_broker.append(&mut self.client.out);
        let mut answers = Vec::new();
        while self.link.is_ready(machine) && !self.link.ended {
            for frame in self.link.round(machine, Pace::FULL).said {
                self.hear(&frame, &mut answers);
            }
        }
        answers
    }

    fn hear(&mut self, frame: &OwnFrame, answers: &mut Vec<Answer>) {
        if frame.channel != self.channel {
            return;
        }
        match frame.kind {
            FrameKind::Method => match method::decode(&frame.payload).expect("it decodes") {
                Method::Ack {
                    delivery_tag,
                    multiple,
                } => self.settled(delivery_tag, multiple, Answer::Confirmed, answers),
                Method::Nack {
                    delivery_tag,
                    multiple,
                    ..
                } => self.settled(delivery_tag, multiple, Answer::Refused, answers),
                Method::Other(AMQPClass::Basic(basic::AMQPMethod::GetOk(got))) => {
                    self.incoming = Some(Incoming {
                        queue: self.gets.pop_front().expect("it was asked for"),
                        tag: got.delivery_tag,
                        size: 0,
                        body: Vec::new(),
                        reason: None,
                    });
                }
                Method::Other(AMQPClass::Basic(basic::AMQPMethod::GetEmpty(_))) => {
                    self.gets.pop_front();
                }
                Method::Other(AMQPClass::Channel(method::channel::AMQPMethod::Close(close))) => {
                    panic!("the broker closed a channel: {close:?}");
                }
                _ => {}
            },
            FrameKind::Header | FrameKind::Body => self.hear_content(frame, answers),
            FrameKind::Heartbeat => {}
        }
    }

    fn settled(
        &mut self,
        tag: u64,
        multiple: bool,
        answer: fn(MessageId) -> Answer,
        answers: &mut Vec<Answer>,
    ) {
        let first = if multiple { 0 } else { tag };
        let tags: Vec<u64> = self
            .unconfirmed
            .range(first..=tag)
            .map(|(t, _)| *t)
            .collect();
        assert!(tags.contains(&tag), "{tag} was confirmed twice");
        answers.extend(tags.iter().filter_map(|tag| {
            let id = self.unconfirmed.remove(tag)?;
            Some(answer(id))
        }));
    }

    fn hear_content(&mut self, frame: &OwnFrame, answers: &mut Vec<Answer>) {
        let incoming = self.incoming.as_mut().expect("a method comes first");
        if frame.kind == FrameKind::Header {
            let header = ContentHeader::decode(&frame.payload).expect("it decodes");
            incoming.size = header.body_size;
            let properties = Properties::parse(header.properties).expect("they decode");
            incoming.reason = properties.headers().and_then(reason);
        } else {
            incoming.body.extend_from_slice(&frame.payload);
        }
        if incoming.body.len() as u64 == incoming.size {
            let incoming = self.incoming.take().expect("just looked at");
            answers.push(Answer::Got {
                queue: incoming.queue,
                tag: incoming.tag,
                body: incoming.body,
                reason: incoming.reason,
            });
        }
    }
}

/// Why a message died first, by its headers.
pub(crate) fn reason(headers: RawTable<'_>) -> Option<String> {
    match headers.get("x-first-death-reason")? {
        RawValue::LongString(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    }
}
