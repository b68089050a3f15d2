//! `basic.publish`: from a whole message to its queues.

use std::sync::Arc;

use ferrymq_amqp::{Publish, ReplyCode, method};
use ferrymq_store::CommitPoint;

use crate::error::Error;
use crate::message::Message;
use crate::session::channel::{Channel, Mode};
use crate::session::confirms::Confirms;
use crate::session::content::Published;
use crate::session::context::Context;
use crate::session::publishing;
use crate::session::transaction::HeldPublish;
use crate::stats::Kind;
use crate::vhost::Route;

impl Channel {
    /// `basic.publish`: begins a message.
    #[inline]
    pub(in crate::session) fn basic_publish(
        &mut self,
        context: &mut Context,
        publish: &Publish<'_>,
    ) -> Result<(), Error> {
        if publish.immediate {
            return Err(Error::NotImplemented("immediate=true".into()));
        }
        let (address, mandatory) = (publish.address, publish.mandatory);
        self.content.begin(address, mandatory, &mut context.spare);
        Ok(())
    }

    /// `basic.publish` to where the pending run goes, which needs no decoding; false: the payload
    /// is something else.
    #[inline]
    pub(in crate::session) fn publish_again(
        &mut self,
        context: &mut Context,
        payload: &[u8],
    ) -> Result<bool, Error> {
        let publishing = &context.publishing;
        if publishing.is_empty() {
            return Ok(false);
        }
        let Some((mandatory, false)) = method::publish_again(payload, publishing.address()) else {
            return Ok(false);
        };
        self.content.expect_method()?;
        let address = publishing.address();
        self.content.begin(address, mandatory, &mut context.spare);
        Ok(true)
    }

    /// All of a message has come.
    #[inline]
    pub(in crate::session) fn publish(&mut self, context: &mut Context) -> Result<(), Error> {
        let published = self.content.finish(&mut context.spare);
        context.tally.size(published.message.body_len());
        if !published.needs_look
            && context
                .publishing
                .continues_with(&published.message, context.vhost.generation())
        {
            context.publishing.pending.messages.push(published.message);
            return Ok(());
        }
        self.publish_elsewhere(context, published)
    }

    /// The pending run reaches its queues.
    pub(in crate::session) fn flush(&mut self, context: &mut Context) {
        let count = context.publishing.pending.messages.len() as u64;
        if count == 0 {
            return;
        }
        if context.vhost.is_traced() {
            context.trace_run();
        }
        let publishing = &mut context.publishing;
        let Some(route) = publishing.route.take() else {
            return;
        };
        let point = context
            .vhost
            .accept(&route, &mut publishing.pending, &mut context.work);
        self.count_published(context, &route, count);
        context.publishing.route = Some(route);
        self.published(context, count, point);
    }

    /// The message ends the pending run, if there is one, and may begin another.
    fn publish_elsewhere(
        &mut self,
        context: &mut Context,
        published: Published,
    ) -> Result<(), Error> {
        self.flush(context);
        let (message, route) = if published.needs_look {
            let reply_name = self.reply_consumer.as_ref().map(|(_, name)| &**name);
            let (vhost, actor) = (&context.vhost, &context.actor);
            let looked = publishing::look(vhost, actor, reply_name, published.message)?;
            (looked.message, looked.route)
        } else {
            let message = published.message;
            let (vhost, actor) = (&context.vhost, &context.actor);
            let route = context.publishing.route(vhost, actor, &message)?;
            (message, route)
        };
        let mandatory = published.mandatory;
        if let Mode::Transaction(transaction) = &mut self.mode {
            transaction.publishes.push(HeldPublish {
                message,
                route,
                mandatory,
            });
            let held = transaction.publishes.len() as u64;
            self.entry.uncommitted_messages.set(held);
            return Ok(());
        }
        if route.is_unroutable() {
            self.unroutable(context, &message, &route, mandatory);
        }
        if route.is_empty() {
            if context.vhost.is_traced() {
                context.trace_published(self.id, &message, &route);
            }
            self.count_published(context, &route, 1);
            self.published(context, 1, CommitPoint(0));
            return Ok(());
        }
        self.begin_run(context, message, route);
        Ok(())
    }

    /// A message that reaches no queue goes back if it is mandatory, and is dropped if not.
    pub(in crate::session) fn unroutable(
        &mut self,
        context: &mut Context,
        message: &Message,
        route: &Route,
        mandatory: bool,
    ) {
        let kind = match mandatory {
            true => Kind::ReturnUnroutable,
            false => Kind::DropUnroutable,
        };
        self.entry.counters.add(kind, 1);
        context.tally.publishing(kind, 1);
        if let Some(flows) = &self.flows {
            flows.unroutable(route, kind);
        }
        if !mandatory {
            return;
        }
        let code = ReplyCode::NoRoute;
        context.outbound.append(|out| {
            method::encode_return(out, self.id, code.code(), code.name(), message.address());
        });
        let frame_max = context.limits.frame_max;
        context.outbound.content(self.id, message, frame_max);
    }

    fn begin_run(&mut self, context: &mut Context, message: Message, route: Arc<Route>) {
        let repeats = !route.once;
        let generation = context.vhost.generation();
        let publishing = &mut context.publishing;
        publishing.begin(self.id, route, &message, repeats.then_some(generation));
        publishing.pending.messages.push(message);
    }

    /// Counts messages that went along `route`.
    pub(in crate::session) fn count_published(
        &mut self,
        context: &mut Context,
        route: &Route,
        count: u64,
    ) {
        let routed = count * route.reached() as u64;
        for (kind, count) in [(Kind::Publish, count), (Kind::Route, routed)] {
            self.entry.counters.add(kind, count);
            context.tally.publishing(kind, count);
        }
        context.tally.exchange(route, count);
        if let Some(flows) = &mut self.flows {
            flows.published(&context.vhost, route, count);
        }
        if self.publisher.is_none() {
            self.publisher = Some(context.broker.usage().publishers.take_any());
        }
    }

    /// Answers publishes that have reached their queues.
    fn published(&mut self, context: &mut Context, count: u64, point: CommitPoint) {
        context.store_failed |= point == CommitPoint::NEVER;
        let refused = std::mem::take(&mut context.publishing.pending.refused);
        if let Mode::Confirm(confirms) = &mut self.mode {
            self.entry.counters.add(Kind::PublishToConfirm, count);
            context.tally.publishing(Kind::PublishToConfirm, count);
            if let Some(flows) = &mut self.flows {
                flows.to_confirm(count);
            }
            answer(confirms, count, point, &refused);
            if !context.confirming.contains(&self.id) {
                context.confirming.push(self.id);
            }
        }
    }
}

/// Notes `count` publishes, of which those numbered in `refused` will be nacked.
fn answer(confirms: &mut Confirms, count: u64, point: CommitPoint, refused: &[usize]) {
    let mut next = 0;
    for &index in refused {
        let index = index as u64;
        if index > next {
            confirms.published(index - next, point);
        }
        confirms.refused(1);
        next = index + 1;
    }
    if count > next {
        confirms.published(count - next, point);
    }
}
