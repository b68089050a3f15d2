//! What a channel tells the firehose, while it is on.

use crate::firehose::{TRACE_EXCHANGE, Tap};
use crate::message::Message;
use crate::session::context::Context;
use crate::session::outbox::Handover;
use crate::vhost::Route;

impl Context {
    /// The pending run is about to reach its queues.
    #[cold]
    pub fn trace_run(&self) {
        let publishing = &self.publishing;
        if let Some(route) = &publishing.route {
            for message in &publishing.pending.messages {
                self.trace_published(publishing.channel, message, route);
            }
        }
    }

    /// A message was published on `channel`, and goes along `route`.
    #[cold]
    pub fn trace_published(&self, channel: u16, message: &Message, route: &Route) {
        self.trace(self.tap(channel).published(message, route.queues()));
    }

    /// A consumer gets a message.
    #[cold]
    pub fn trace_handover(&self, handover: &Handover) {
        let Some(consumer) = self.consumers.get(handover.consumer) else {
            return;
        };
        if let Some(queue) = &consumer.queue {
            let redelivered = handover.entry.returns() > 0;
            let name = queue.name.as_str();
            self.trace_delivered(consumer.channel, &handover.entry.message, name, redelivered);
        }
    }

    /// `message` is sent on `channel`.
    #[cold]
    pub fn trace_delivered(&self, channel: u16, message: &Message, queue: &str, redelivered: bool) {
        self.trace(self.tap(channel).delivered(message, queue, redelivered));
    }

    fn tap(&self, channel: u16) -> Tap<'_> {
        Tap {
            node: self.broker.node_name(),
            vhost: self.vhost.name(),
            connection: self.endpoints.to_string(),
            channel,
            user: self.actor.user.name(),
        }
    }

    fn trace(&self, copy: Option<Message>) {
        if let Some(copy) = copy {
            self.vhost.publish_own(TRACE_EXCHANGE, copy, self.now);
        }
    }
}
