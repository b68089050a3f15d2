//! What the broker handles: requests and publishes, and what follows from them.

use ferrymq_amqp::method::{
    self, Method, basic, channel, confirm, connection, exchange, queue as queues, tx,
};
use ferrymq_amqp::{AMQPClass, ContentHeader, FrameKind};

use super::{
    Binding, Channel, Consumer, Content, Expected, Get, Held, LinkId, Mode, Model, Moment, Outcome,
    Published, Queue, Transaction, Unacked,
};
use crate::body::{self, MessageId};
use crate::frames::OwnFrame;

/// `channel.close` with this code: there is no such queue.
const NOT_FOUND: u16 = 404;

impl Model {
    /// The broker has handled a frame.
    pub(crate) fn heard(&mut self, link: LinkId, frame: &OwnFrame) {
        self.tick();
        if frame.channel == 0 {
            self.heard_on_connection(link, frame);
            return;
        }
        match frame.kind {
            FrameKind::Method => {
                let method = method::decode(&frame.payload).expect("methods that decode");
                self.heard_method(link, frame.channel, method);
            }
            FrameKind::Header | FrameKind::Body => self.heard_content(link, frame),
            FrameKind::Heartbeat => {}
        }
    }

    fn heard_on_connection(&mut self, link: LinkId, frame: &OwnFrame) {
        if frame.kind != FrameKind::Method {
            return;
        }
        let method = method::decode(&frame.payload).expect("methods that decode");
        if let Method::Other(AMQPClass::Connection(connection::AMQPMethod::Close(_))) = method {
            self.disconnected(link);
        }
    }

    /// A connection has ended: all that it held goes back.
    pub(crate) fn disconnected(&mut self, link: LinkId) {
        let channels = self.links.get(&link).into_iter().flat_map(|all| all.keys());
        for id in channels.copied().collect::<Vec<_>>() {
            self.end_channel(link, id);
        }
    }

    pub(super) fn channel(&mut self, link: LinkId, id: u16) -> &mut Channel {
        let channels = self.links.get_mut(&link).expect("a known connection");
        channels.get_mut(&id).expect("an open channel")
    }

    fn expect(&mut self, link: LinkId, id: u16, answer: Expected) {
        self.channel(link, id).expected.push_back(answer);
    }

    fn heard_method(&mut self, link: LinkId, id: u16, method: Method<'_>) {
        use channel::AMQPMethod as ChannelMethod;
        let channels = self.links.get_mut(&link).expect("a known connection");
        if let Method::Other(AMQPClass::Channel(ChannelMethod::Open(_))) = method {
            channels.insert(id, Channel::default());
            return self.expect(link, id, Expected::Method(20, 11));
        }
        let ended = channels.get(&id).is_none_or(|channel| channel.ended);
        match method {
            Method::Other(AMQPClass::Channel(ChannelMethod::CloseOk(_))) => {
                channels.remove(&id);
            }
            Method::Other(AMQPClass::Channel(ChannelMethod::Close(_))) => {
                self.end_channel(link, id);
                self.expect(link, id, Expected::CloseOk);
            }
            _ if ended => {}
            Method::Publish(publish) => {
                self.channel(link, id).content = Some(Content {
                    exchange: publish.exchange.to_owned(),
                    key: publish.routing_key.to_owned(),
                    mandatory: publish.mandatory,
                    size: 0,
                    persistent: false,
                    body: Vec::new(),
                });
            }
            Method::Ack {
                delivery_tag,
                multiple,
            } => self.settle(link, id, delivery_tag, multiple, Outcome::Settle),
            Method::Nack {
                delivery_tag,
                multiple,
                requeue,
            } => self.settle(link, id, delivery_tag, multiple, outcome(requeue)),
            Method::Reject {
                delivery_tag,
                requeue,
            } => self.settle(link, id, delivery_tag, false, outcome(requeue)),
            Method::Other(AMQPClass::Queue(method)) => self.heard_queue(link, id, method),
            Method::Other(AMQPClass::Basic(method)) => self.heard_basic(link, id, method),
            Method::Other(AMQPClass::Exchange(exchange::AMQPMethod::Declare(_))) => {
                self.expect(link, id, Expected::Method(40, 11));
            }
            Method::Other(AMQPClass::Confirm(confirm::AMQPMethod::Select(_))) => {
                self.channel(link, id).mode = Mode::Confirm {
                    last: 0,
                    waiting: Default::default(),
                };
                self.expect(link, id, Expected::Method(85, 11));
            }
            Method::Other(AMQPClass::Tx(method)) => self.heard_tx(link, id, method),
            Method::Other(other) => panic!("a client sent {other:?}"),
        }
    }

    fn heard_queue(&mut self, link: LinkId, id: u16, method: queues::AMQPMethod) {
        use queues::AMQPMethod as Queues;
        match method {
            Queues::Declare(declare) if declare.passive => {
                self.look(link, id, declare.queue.as_str());
            }
            Queues::Declare(declare) => self.declare(link, id, &declare),
            Queues::Bind(bind) => {
                let binding = binding(&bind.exchange, &bind.queue, &bind.routing_key);
                self.bind(link, id, binding);
            }
            Queues::Unbind(unbind) => {
                let binding = binding(&unbind.exchange, &unbind.queue, &unbind.routing_key);
                for known in &mut self.bindings {
                    known.removed |= known.is_same(&binding);
                }
                self.expect(link, id, Expected::UnbindOk(binding));
            }
            Queues::Purge(purge) => self.purge(link, id, purge.queue.as_str()),
            Queues::Delete(delete) => {
                let name = delete.queue.as_str();
                self.delete(name);
                self.expect(link, id, Expected::DeleteOk(name.to_owned()));
            }
            other => panic!("a client sent {other:?}"),
        }
    }

    fn declare(&mut self, link: LinkId, id: u16, declare: &queues::Declare) {
        let name = declare.queue.as_str().to_owned();
        let at = self.now;
        let relaxed = declare.arguments.contains_key("x-durability");
        let queue = Queue::new(declare.durable, declare.auto_delete, relaxed);
        let known = self.queues.insert(name.clone(), queue);
        assert!(known.is_none(), "names of queues are used once");
        let ready = (0, 0);
        let queue = name;
        self.expect(link, id, Expected::DeclareOk { queue, at, ready });
    }

    fn look(&mut self, link: LinkId, id: u16, name: &str) {
        let taken = self.has_takers(name);
        let Some(queue) = self.live_queue(name) else {
            return self.fail_channel(link, id);
        };
        let (certain, at_most) = queue.ready();
        let ready = if taken {
            (0, at_most)
        } else {
            (certain, at_most)
        };
        let (queue, at) = (name.to_owned(), 0);
        self.expect(link, id, Expected::DeclareOk { queue, at, ready });
    }

    fn bind(&mut self, link: LinkId, id: u16, binding: Binding) {
        if self.live_queue(&binding.queue).is_none() {
            return self.fail_channel(link, id);
        }
        match self
            .bindings
            .iter_mut()
            .find(|known| known.is_same(&binding))
        {
            Some(known) => {
                // What takes it away may be durable before what brings it back.
                known.promised &= !known.removed;
                known.removed = false;
            }
            None => self.bindings.push(binding.clone()),
        }
        self.expect(link, id, Expected::BindOk(binding));
    }

    fn purge(&mut self, link: LinkId, id: u16, name: &str) {
        let taken = self.has_takers(name);
        let now = self.now;
        let Some(queue) = self.live_queue(name) else {
            return self.fail_channel(link, id);
        };
        let (certain, at_most) = queue.ready();
        let messages = if taken {
            (0, at_most)
        } else {
            (certain, at_most)
        };
        if taken {
            queue.doubt();
        } else {
            queue.purge(now);
        }
        self.expect(link, id, Expected::PurgeOk { messages });
    }

    fn heard_basic(&mut self, link: LinkId, id: u16, method: basic::AMQPMethod) {
        use basic::AMQPMethod as Basic;
        match method {
            Basic::Qos(qos) => {
                self.channel(link, id).prefetch = qos.prefetch_count;
                self.expect(link, id, Expected::Method(60, 11));
            }
            Basic::Consume(consume) => self.consume(link, id, &consume),
            Basic::Cancel(cancel) => {
                let tag = cancel.consumer_tag.as_str();
                self.end_consumer(link, id, tag);
                self.expect(link, id, Expected::CancelOk(tag.to_owned()));
            }
            Basic::Get(get) => self.get(link, id, get.queue.as_str(), get.no_ack),
            Basic::Recover(_) => {
                let channel = self.channel(link, id);
                channel.recovering += 1;
                let all = channel.unacked.iter();
                let all = all.filter(|(_, unacked)| !unacked.held);
                let tags: Vec<u64> = all.map(|(tag, _)| *tag).collect();
                self.carry_out(link, id, Outcome::Requeue, tags);
                self.stir_unseen(link, id);
                self.expect(link, id, Expected::RecoverOk);
            }
            other => panic!("a client sent {other:?}"),
        }
    }

    fn consume(&mut self, link: LinkId, id: u16, consume: &basic::Consume) {
        let name = consume.queue.as_str();
        if self.live_queue(name).is_none() {
            return self.fail_channel(link, id);
        }
        let channel = self.channel(link, id);
        let consumer = Consumer {
            queue: name.to_owned(),
            no_ack: consume.no_ack,
            prefetch: channel.prefetch,
            gone: false,
            delivered: Vec::new(),
        };
        let tag = consume.consumer_tag.as_str().to_owned();
        channel.consumers.insert(tag, consumer);
        self.expect(link, id, Expected::Method(60, 21));
    }

    fn get(&mut self, link: LinkId, id: u16, name: &str, no_ack: bool) {
        let alone = !self.has_takers(name);
        let at = self.now;
        let Some(queue) = self.live_queue(name) else {
            return self.fail_channel(link, id);
        };
        let first = queue.certainly_ready().next().map(|(place, _)| *place);
        let queue = name.to_owned();
        self.expect(
            link,
            id,
            Expected::Get(Get {
                queue,
                no_ack,
                at,
                alone,
                first,
            }),
        );
    }

    fn heard_tx(&mut self, link: LinkId, id: u16, method: tx::AMQPMethod) {
        match method {
            tx::AMQPMethod::Select(_) => {
                self.channel(link, id).mode = Mode::Transaction(Transaction::default());
                self.expect(link, id, Expected::Method(90, 11));
            }
            tx::AMQPMethod::Commit(_) => self.commit(link, id),
            tx::AMQPMethod::Rollback(_) => {
                let channel = self.channel(link, id);
                channel.mode = Mode::Transaction(Transaction::default());
                for unacked in channel.unacked.values_mut() {
                    unacked.held = false;
                }
                self.expect(link, id, Expected::Method(90, 31));
            }
            other => panic!("a client sent {other:?}"),
        }
    }

    fn commit(&mut self, link: LinkId, id: u16) {
        let Mode::Transaction(transaction) = &mut self.channel(link, id).mode else {
            panic!("a client commits without a transaction");
        };
        let transaction = std::mem::take(transaction);
        let mut published = Vec::new();
        for held in transaction.publishes {
            if held.queues.is_empty() && held.mandatory {
                self.channel(link, id).returns.push_back(held.message);
            }
            published.push(self.route(held.message, held.queues));
        }
        self.tick();
        for (outcome, tags) in transaction.settlements {
            self.carry_out(link, id, outcome, tags);
        }
        self.expect(link, id, Expected::CommitOk(published));
    }

    fn heard_content(&mut self, link: LinkId, frame: &OwnFrame) {
        let channels = &mut self.links;
        let channel = channels
            .get_mut(&link)
            .and_then(|all| all.get_mut(&frame.channel));
        let Some(channel) = channel.filter(|channel| !channel.ended) else {
            return;
        };
        let content = channel.content.as_mut().expect("publish comes first");
        if frame.kind == FrameKind::Header {
            let header = ContentHeader::decode(&frame.payload).expect("headers that decode");
            content.size = usize::try_from(header.body_size).expect("small bodies");
            content.persistent = header.properties == [0x10, 0, 2];
        } else {
            content.body.extend_from_slice(&frame.payload);
        }
        if content.body.len() == content.size {
            let content = channel.content.take().expect("just looked at");
            self.publish(link, frame.channel, content);
        }
    }

    fn publish(&mut self, link: LinkId, id: u16, content: Content) {
        let message = body::identify(&content.body).expect("clients send what they mean to");
        assert_eq!(
            self.messages[message.0 as usize].persistent,
            content.persistent
        );
        let queues = self.destinations(&content.exchange, &content.key);
        let mandatory = content.mandatory;
        if let Mode::Transaction(transaction) = &mut self.channel(link, id).mode {
            transaction.publishes.push(Held {
                message,
                queues,
                mandatory,
            });
            return;
        }
        if queues.is_empty() && mandatory {
            self.channel(link, id).returns.push_back(message);
        }
        let published = self.route(message, queues);
        if let Mode::Confirm { last, waiting } = &mut self.channel(link, id).mode {
            *last += 1;
            waiting.insert(*last, published);
        }
    }

    /// Puts a message into its queues.
    fn route(&mut self, message: MessageId, queues: Vec<String>) -> Published {
        let at = self.tick();
        self.counts.published += 1;
        let persistent = self.messages[message.0 as usize].persistent;
        let mut logged = false;
        let mut reached = Vec::new();
        for name in queues {
            let free = self
                .consumers(&name)
                .any(|(_, _, consumer)| consumer.no_ack);
            let Some(queue) = self.live_queue(&name) else {
                continue;
            };
            queue.publish(message, persistent, at);
            logged |= persistent && queue.durable && !queue.relaxed && !free;
            reached.push(name);
        }
        Published {
            at,
            message,
            queues: reached,
            logged,
        }
    }

    /// The queues that a message should reach.
    fn destinations(&self, exchange: &str, key: &str) -> Vec<String> {
        let live = |name: &&String| self.queues[*name].deleted.is_none();
        if exchange.is_empty() {
            let named = self.queues.keys().filter(|name| *name == key);
            return named.filter(live).cloned().collect();
        }
        let matching = self.bindings.iter().filter(|binding| {
            !binding.removed && binding.exchange == exchange && binding.matches(key)
        });
        let names = matching.map(|binding| &binding.queue).filter(live);
        let mut names: Vec<String> = names.cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    /// A queue is deleted, with all that is in it.
    pub(super) fn delete(&mut self, name: &str) {
        let now = self.now;
        let Some(queue) = self.live_queue(name) else {
            return;
        };
        queue.deleted = Some((now, false));
        for binding in &mut self.bindings {
            binding.removed |= binding.queue == name;
        }
        for channel in self.links.values_mut().flat_map(|all| all.values_mut()) {
            for consumer in channel.consumers.values_mut() {
                consumer.gone |= consumer.queue == name;
            }
        }
    }

    /// The broker should close the channel, because a queue is missing.
    fn fail_channel(&mut self, link: LinkId, id: u16) {
        self.end_channel(link, id);
        self.expect(link, id, Expected::Close(NOT_FOUND));
    }

    pub(super) fn confirmed(&mut self, published: &Published) {
        self.counts.confirmed += 1;
        if published.logged {
            self.durable_until = self.durable_until.max(published.at);
        }
        for name in &published.queues {
            let Some(queue) = self.queues.get_mut(name) else {
                continue;
            };
            let (durable, relaxed) = (queue.durable, queue.relaxed);
            if let Ok((_, entry)) = queue.find(published.message) {
                entry.confirmed = durable && entry.persistent;
                entry.promised = entry.confirmed && (!relaxed || published.logged);
            }
        }
    }

    /// Something that went into the log at `at` was promised.
    pub(super) fn promised(&mut self, at: Moment) {
        self.durable_until = self.durable_until.max(at);
    }

    pub(super) fn note_unacked(&mut self, link: LinkId, id: u16, tag: u64, unacked: Unacked) {
        let before = self.channel(link, id).unacked.insert(tag, unacked);
        assert!(before.is_none(), "delivery tag {tag} was used twice");
    }
}

impl Binding {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.exchange, &self.queue, &self.key) == (&other.exchange, &other.queue, &other.key)
    }

    fn matches(&self, key: &str) -> bool {
        match self.exchange.as_str() {
            "direct" => self.key == key,
            "fanout" => true,
            _ => {
                let words = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
                topic_matches(&words(&self.key), &words(key))
            }
        }
    }
}

fn topic_matches(pattern: &[String], words: &[String]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return words.is_empty();
    };
    match first.as_str() {
        "#" => (0..=words.len()).any(|skipped| topic_matches(rest, &words[skipped..])),
        "*" => !words.is_empty() && topic_matches(rest, &words[1..]),
        word => {
            words.first().is_some_and(|first| first == word) && topic_matches(rest, &words[1..])
        }
    }
}

fn binding(
    exchange: &ferrymq_amqp::ShortString,
    queue: &ferrymq_amqp::ShortString,
    key: &ferrymq_amqp::ShortString,
) -> Binding {
    Binding {
        exchange: exchange.as_str().to_owned(),
        queue: queue.as_str().to_owned(),
        key: key.as_str().to_owned(),
        promised: false,
        removed: false,
    }
}

fn outcome(requeue: bool) -> Outcome {
    match requeue {
        true => Outcome::Requeue,
        false => Outcome::Settle,
    }
}
