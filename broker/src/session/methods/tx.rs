//! Transactions: `tx.select`, `commit` and `rollback`.

use std::sync::Arc;

use ferrymq_amqp::AMQPClass;
use ferrymq_amqp::method::tx;
use ferrymq_store::CommitPoint;

use crate::error::Error;
use crate::session::channel::{Channel, Mode};
use crate::session::context::Context;
use crate::session::transaction::{HeldPublish, Transaction};
use crate::vhost::Pending;

impl Channel {
    /// `tx.select`. Again: nothing changes.
    pub(in crate::session) fn tx_select(&mut self, context: &mut Context) -> Result<(), Error> {
        match self.mode {
            Mode::Plain => {
                self.mode = Mode::Transaction(Box::default());
                self.entry.set_transactional();
            }
            Mode::Transaction(_) => {}
            Mode::Confirm(_) => {
                let text = "cannot switch from confirm to tx mode";
                return Err(Error::PreconditionFailed(text.into()));
            }
        }
        let ok = tx::AMQPMethod::SelectOk(tx::SelectOk {});
        context.send(self.id, AMQPClass::Tx(ok));
        Ok(())
    }

    /// `tx.commit`: what was held happens, in order; the reply waits until all of it is safe.
    pub(in crate::session) fn tx_commit(&mut self, context: &mut Context) -> Result<(), Error> {
        let transaction = std::mem::take(self.transaction()?);
        self.nothing_is_held();
        let (point, complete) = self.publish_held(context, transaction.publishes);
        for (outcome, mut deliveries) in transaction.settlements {
            self.carry_out(context, outcome, &mut deliveries);
        }
        if !complete {
            return Err(Error::PreconditionFailed("partial tx completion".into()));
        }
        let ok = tx::AMQPMethod::CommitOk(tx::CommitOk {});
        context.reply_at(point, self.id, false, AMQPClass::Tx(ok));
        Ok(())
    }

    /// `tx.rollback`: held publishes are forgotten, held settlements are unacked again.
    pub(in crate::session) fn tx_rollback(&mut self, context: &mut Context) -> Result<(), Error> {
        let transaction = std::mem::take(self.transaction()?);
        self.nothing_is_held();
        let held = transaction.settlements.into_iter();
        self.unacked.restore(held.flat_map(|(_, held)| held));
        self.note_settled(context.now);
        let ok = tx::AMQPMethod::RollbackOk(tx::RollbackOk {});
        context.send(self.id, AMQPClass::Tx(ok));
        Ok(())
    }

    fn nothing_is_held(&self) {
        self.entry.uncommitted_messages.set(0);
        self.entry.uncommitted_acks.set(0);
    }

    fn transaction(&mut self) -> Result<&mut Transaction, Error> {
        match &mut self.mode {
            Mode::Transaction(transaction) => Ok(transaction),
            _ => Err(Error::PreconditionFailed(
                "channel is not transactional".into(),
            )),
        }
    }

    /// Publishes held messages, each run for the same route at once. Gives when they are safe, and
    /// whether no queue refused any.
    fn publish_held(
        &mut self,
        context: &mut Context,
        held: Vec<HeldPublish>,
    ) -> (CommitPoint, bool) {
        let mut last = CommitPoint(0);
        let mut pending = Pending::default();
        let mut held = held.into_iter().peekable();
        while let Some(first) = held.next() {
            if context.vhost.is_traced() {
                context.trace_published(self.id, &first.message, &first.route);
            }
            if first.route.is_unroutable() {
                let HeldPublish {
                    message,
                    route,
                    mandatory,
                } = &first;
                self.unroutable(context, message, route, *mandatory);
            }
            if first.route.is_empty() {
                self.count_published(context, &first.route, 1);
                continue;
            }
            let route = first.route;
            pending.messages.push(first.message);
            while let Some(next) = held.next_if(|next| Arc::ptr_eq(&next.route, &route)) {
                if context.vhost.is_traced() {
                    context.trace_published(self.id, &next.message, &route);
                }
                pending.messages.push(next.message);
            }
            let count = pending.messages.len() as u64;
            let point = context
                .vhost
                .accept(&route, &mut pending, &mut context.work);
            self.count_published(context, &route, count);
            last = last.max(point);
        }
        (last, pending.refused.is_empty())
    }
}
