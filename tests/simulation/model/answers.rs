//! What the broker writes: answers, confirms and deliveries, each checked against what should be.

use ferrymq_amqp::method::{
    self, Method, basic, channel, connection, exchange, queue as queues, tx,
};
use ferrymq_amqp::{AMQPClass, ContentHeader, FrameKind};

use super::queue::State;
use super::{
    Channel, Consumer, Expected, Get, Holder, Incoming, LinkId, Mode, Model, Place, Unacked, Why,
};
use crate::body::{self, MessageId};
use crate::frames::OwnFrame;

impl Model {
    /// The broker has written a frame.
    pub(crate) fn said(&mut self, link: LinkId, frame: &OwnFrame) {
        self.tick();
        let known = self.links.get(&link).expect("a known connection");
        if frame.channel == 0 || !known.contains_key(&frame.channel) {
            return self.said_elsewhere(frame);
        }
        match frame.kind {
            FrameKind::Method => {
                let method = method::decode(&frame.payload).expect("methods that decode");
                self.said_method(link, frame.channel, method);
            }
            FrameKind::Header | FrameKind::Body => self.said_content(link, frame),
            FrameKind::Heartbeat => {}
        }
    }

    /// On the connection itself, or on a channel that is over.
    fn said_elsewhere(&self, frame: &OwnFrame) {
        if frame.kind != FrameKind::Method {
            return;
        }
        let method = method::decode(&frame.payload).expect("methods that decode");
        if let Method::Other(AMQPClass::Connection(connection::AMQPMethod::Close(close))) = method {
            // 320: the broker stops. 541: its log failed.
            let fine = [320, 541].contains(&close.reply_code);
            assert!(fine, "the broker closed a connection: {close:?}");
        }
    }

    fn said_method(&mut self, link: LinkId, id: u16, method: Method<'_>) {
        match method {
            Method::Ack {
                delivery_tag,
                multiple,
            } => self.said_ack(link, id, delivery_tag, multiple),
            Method::Nack { .. } => panic!("a publish was nacked"),
            Method::Other(AMQPClass::Basic(method)) => self.said_basic(link, id, method),
            Method::Other(AMQPClass::Queue(method)) => self.said_queue(link, id, method),
            Method::Other(AMQPClass::Channel(method)) => self.said_channel(link, id, method),
            Method::Other(AMQPClass::Tx(tx::AMQPMethod::CommitOk(_))) => {
                match self.answer(link, id) {
                    Expected::CommitOk(all) => all.iter().for_each(|one| self.confirmed(one)),
                    other => panic!("commit-ok instead of {}", other.name()),
                }
            }
            Method::Other(AMQPClass::Tx(tx::AMQPMethod::SelectOk(_))) => {
                self.plain_answer(link, id, (90, 11));
            }
            Method::Other(AMQPClass::Tx(tx::AMQPMethod::RollbackOk(_))) => {
                self.plain_answer(link, id, (90, 31));
            }
            Method::Other(AMQPClass::Confirm(_)) => self.plain_answer(link, id, (85, 11)),
            Method::Other(AMQPClass::Exchange(exchange::AMQPMethod::DeclareOk(_))) => {
                self.plain_answer(link, id, (40, 11));
            }
            other => panic!("the broker sent {other:?}"),
        }
    }

    /// The answer that is due.
    fn answer(&mut self, link: LinkId, id: u16) -> Expected {
        let expected = self.channel(link, id).expected.pop_front();
        expected.expect("an answer to nothing")
    }

    fn plain_answer(&mut self, link: LinkId, id: u16, found: (u16, u16)) {
        match self.answer(link, id) {
            Expected::Method(class, method) if (class, method) == found => {}
            other => panic!("{found:?} instead of {}", other.name()),
        }
    }

    fn said_ack(&mut self, link: LinkId, id: u16, tag: u64, multiple: bool) {
        let Channel { mode, returns, .. } = self.channel(link, id);
        let Mode::Confirm { waiting, .. } = mode else {
            panic!("a confirm without confirm mode");
        };
        let first = if multiple { 0 } else { tag };
        let tags: Vec<u64> = waiting.range(first..=tag).map(|(tag, _)| *tag).collect();
        assert!(
            tags.contains(&tag),
            "{tag} was confirmed twice or never published"
        );
        let confirmed: Vec<_> = tags.iter().filter_map(|tag| waiting.remove(tag)).collect();
        for published in &confirmed {
            let returned = !returns.contains(&published.message);
            assert!(returned, "confirmed before it was returned");
        }
        confirmed.iter().for_each(|one| self.confirmed(one));
    }

    fn said_channel(&mut self, link: LinkId, id: u16, method: channel::AMQPMethod) {
        use channel::AMQPMethod as ChannelMethod;
        match method {
            ChannelMethod::OpenOk(_) => self.plain_answer(link, id, (20, 11)),
            ChannelMethod::CloseOk(_) => {
                match self.answer(link, id) {
                    Expected::CloseOk => {}
                    other => panic!("close-ok instead of {}", other.name()),
                }
                self.links.get_mut(&link).expect("known").remove(&id);
            }
            ChannelMethod::Close(close) => match self.answer(link, id) {
                Expected::Close(code) if code == close.reply_code => {}
                other => panic!("{close:?} instead of {}", other.name()),
            },
            other => panic!("the broker sent {other:?}"),
        }
    }

    fn said_queue(&mut self, link: LinkId, id: u16, method: queues::AMQPMethod) {
        use queues::AMQPMethod as Queues;
        let answer = self.answer(link, id);
        match (method, answer) {
            (Queues::DeclareOk(ok), Expected::DeclareOk { queue, at, ready }) => {
                assert_eq!(ok.queue.as_str(), queue);
                check_count(&queue, ok.message_count, ready);
                self.declared(&queue, at);
            }
            (Queues::BindOk(_), Expected::BindOk(binding)) => {
                for known in self.bindings.iter_mut() {
                    known.promised |= known.is_same(&binding);
                }
            }
            (Queues::UnbindOk(_), Expected::UnbindOk(binding)) => {
                self.bindings
                    .retain(|known| !known.removed || !known.is_same(&binding));
            }
            (Queues::PurgeOk(ok), Expected::PurgeOk { messages }) => {
                check_count("the purged queue", ok.message_count, messages);
            }
            (Queues::DeleteOk(_), Expected::DeleteOk(name)) => self.delete_is_promised(&name),
            (method, answer) => panic!("{method:?} instead of {}", answer.name()),
        }
    }

    fn declared(&mut self, name: &str, at: u64) {
        let Some(queue) = self.queues.get_mut(name) else {
            return;
        };
        // A passive declare promises nothing.
        if at > 0 && queue.durable {
            queue.promised = true;
            self.promised(at);
        }
    }

    fn delete_is_promised(&mut self, name: &str) {
        if let Some(queue) = self.queues.get_mut(name)
            && let Some((_, promised)) = &mut queue.deleted
        {
            *promised = true;
        }
    }

    fn said_basic(&mut self, link: LinkId, id: u16, method: basic::AMQPMethod) {
        use basic::AMQPMethod as Basic;
        match method {
            Basic::QosOk(_) => self.plain_answer(link, id, (60, 11)),
            Basic::ConsumeOk(_) => self.plain_answer(link, id, (60, 21)),
            Basic::CancelOk(_) => match self.answer(link, id) {
                Expected::CancelOk(tag) => {
                    self.channel(link, id).consumers.remove(&tag);
                }
                other => panic!("cancel-ok instead of {}", other.name()),
            },
            Basic::Cancel(_) => {}
            Basic::RecoverOk(_) => match self.answer(link, id) {
                Expected::RecoverOk => self.channel(link, id).recovering -= 1,
                other => panic!("recover-ok instead of {}", other.name()),
            },
            Basic::GetEmpty(_) => match self.answer(link, id) {
                Expected::Get(get) => {
                    let missed = get.alone && get.first.is_some();
                    assert!(!missed, "get-empty though messages waited in {}", get.queue);
                }
                other => panic!("get-empty instead of {}", other.name()),
            },
            Basic::GetOk(got) => match self.answer(link, id) {
                Expected::Get(get) => {
                    let (tag, redelivered) = (got.delivery_tag, got.redelivered);
                    let why = Why::Got {
                        get,
                        tag,
                        redelivered,
                    };
                    self.begin(link, id, why);
                }
                other => panic!("get-ok instead of {}", other.name()),
            },
            Basic::Deliver(deliver) => {
                let why = Why::Deliver {
                    consumer: deliver.consumer_tag.as_str().to_owned(),
                    tag: deliver.delivery_tag,
                    redelivered: deliver.redelivered,
                };
                self.begin(link, id, why);
            }
            Basic::Return(_) => self.begin(link, id, Why::Return),
            other => panic!("the broker sent {other:?}"),
        }
    }

    fn begin(&mut self, link: LinkId, id: u16, why: Why) {
        self.channel(link, id).incoming = Some(Incoming {
            why,
            size: 0,
            body: Vec::new(),
        });
    }

    fn said_content(&mut self, link: LinkId, frame: &OwnFrame) {
        let channel = self.channel(link, frame.channel);
        let incoming = channel.incoming.as_mut().expect("a method comes first");
        if frame.kind == FrameKind::Header {
            let header = ContentHeader::decode(&frame.payload).expect("headers that decode");
            incoming.size = usize::try_from(header.body_size).expect("small bodies");
        } else {
            incoming.body.extend_from_slice(&frame.payload);
        }
        if incoming.body.len() < incoming.size {
            return;
        }
        let incoming = channel.incoming.take().expect("just looked at");
        let message = body::identify(&incoming.body).expect("a body differs from what was sent");
        let sent = self.messages[message.0 as usize];
        assert_eq!(sent.length, incoming.body.len(), "a body's length differs");
        match incoming.why {
            Why::Return => {
                let returns = &mut self.channel(link, frame.channel).returns;
                assert_eq!(returns.pop_front(), Some(message), "returned out of order");
            }
            Why::Got {
                get,
                tag,
                redelivered,
            } => self.got(link, frame.channel, get, tag, redelivered, message),
            Why::Deliver {
                consumer,
                tag,
                redelivered,
            } => self.delivered(link, frame.channel, &consumer, tag, redelivered, message),
        }
    }

    fn got(
        &mut self,
        link: LinkId,
        id: u16,
        get: Get,
        tag: u64,
        redelivered: bool,
        message: MessageId,
    ) {
        let channel = self.channel(link, id);
        if channel.ended || channel.recovering > 0 && !get.no_ack {
            return;
        }
        let holder = Holder {
            link,
            channel: id,
            tag,
        };
        let (place, _) = self.hand_out(&get.queue, message, redelivered, get.no_ack, holder);
        if let (true, Some(place), Some(first)) = (get.alone, place, get.first) {
            assert!(
                place <= first,
                "get skipped messages of {} ({})",
                get.queue,
                get.at
            );
        }
        if !get.no_ack {
            let unacked = Unacked {
                queue: get.queue,
                message,
                consumer: None,
                held: false,
            };
            self.note_unacked(link, id, tag, unacked);
        }
    }

    fn delivered(
        &mut self,
        link: LinkId,
        id: u16,
        consumer_tag: &str,
        tag: u64,
        redelivered: bool,
        message: MessageId,
    ) {
        let channel = self.channel(link, id);
        let consumer = channel.consumers.get(consumer_tag);
        let consumer = consumer.expect("deliveries go to consumers");
        let (name, no_ack) = (consumer.queue.clone(), consumer.no_ack);
        if channel.ended || channel.recovering > 0 && !no_ack {
            return;
        }
        let holder = Holder {
            link,
            channel: id,
            tag,
        };
        let (place, since) = self.hand_out(&name, message, redelivered, no_ack, holder);
        if let Some(place) = place {
            let stirred = self.queues[&name].stirred;
            let consumers = &mut self.channel(link, id).consumers;
            let consumer = consumers.get_mut(consumer_tag).expect("just found");
            consumer.check_order(place, since.max(stirred));
            consumer.delivered.push((place, since));
        }
        if !no_ack {
            let unacked = Unacked {
                queue: name,
                message,
                consumer: Some(consumer_tag.to_owned()),
                held: false,
            };
            self.note_unacked(link, id, tag, unacked);
        }
    }

    /// A message of a queue was handed to somebody. Gives its place, and since when it had been ready;
    /// no place if the queue is deleted.
    fn hand_out(
        &mut self,
        name: &str,
        message: MessageId,
        redelivered: bool,
        no_ack: bool,
        holder: Holder,
    ) -> (Option<Place>, u64) {
        self.counts.delivered += 1;
        let now = self.now;
        let queue = self.queues.get_mut(name).expect("a queue that was there");
        if queue.deleted.is_some() {
            return (None, 0);
        }
        let (place, entry) = match queue.find(message) {
            Ok(found) => found,
            Err(why) => panic!("{message:?} was delivered from {name}, but {why}"),
        };
        match entry.state {
            State::Ready => {}
            State::Held(other) => panic!("{message:?} of {name} is also held by {other:?}"),
            State::Settled { why, .. } => {
                panic!("{message:?} of {name} was delivered again, but {why}")
            }
        }
        assert!(
            redelivered || !entry.returned,
            "{message:?} of {name} was handed out before and is not flagged"
        );
        assert!(
            !redelivered || entry.returned || entry.maybe_returned,
            "{message:?} of {name} is flagged and was never handed out"
        );
        entry.certain = true;
        entry.state = match no_ack {
            true => State::Settled {
                at: now,
                why: "it was delivered without ack",
            },
            false => State::Held(holder),
        };
        (Some(place), entry.since)
    }
}

impl Consumer {
    /// A consumer gets what lies further behind first only if what lies further ahead was not there then.
    ///
    /// `since`: from then on the message at `place` was ready, and on its way to nobody.
    fn check_order(&self, place: Place, since: u64) {
        let overtaken = self
            .delivered
            .iter()
            .find(|(other, other_since)| *other > place && *other_since >= since);
        if let Some((other, _)) = overtaken {
            panic!("{} delivered {other:?} before {place:?}", self.queue);
        }
    }
}

fn check_count(name: &str, count: u32, (least, most): (usize, usize)) {
    let count = count as usize;
    assert!(
        (least..=most).contains(&count),
        "{name} has {count} messages, not {least} to {most}"
    );
}
