//! What became of each message, as far as the client knows, and what may be true of it therefore.

use std::collections::BTreeMap;

use ferrymq_broker::clock::Timestamp;

use super::rules::{Demand, Overflow, Rules};
use crate::body::MessageId;

/// Timers wait for what is due within so many milliseconds together.
const TICK_MS: u64 = 4;

/// A message that was found somewhere.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) id: MessageId,
    /// Why it died first.
    pub(crate) reason: Option<String>,
}

/// What the broker said to a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Taken,
    Refused,
}

/// What the client did with a message in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    None,
    /// It acked it, or rejected it where that drops it.
    Settled,
    Rejected,
    /// It settled the dead letter.
    DeadSettled,
}

#[derive(Debug)]
struct Message {
    queue: usize,
    demand: Demand,
    sent: Timestamp,
    /// By then the broker had it.
    taken: Option<Timestamp>,
    said: Said,
    end: End,
    /// What the client did last may have been undone, or not been done at all.
    is_doubtful: bool,
    was_rejected: bool,
    /// How often it went back: in all, and since the last start at least.
    returns: u32,
    deliveries: u32,
}

/// All messages.
#[derive(Default)]
pub(crate) struct Ledger {
    messages: Vec<Message>,
    any_crash: bool,
    /// Something may have been handed out without having been seen.
    is_blurred: bool,
}

impl Ledger {
    pub(crate) fn publish(&mut self, queue: usize, demand: Demand, now: Timestamp) -> MessageId {
        self.messages.push(Message {
            queue,
            demand,
            sent: now,
            taken: None,
            said: Said::Nothing,
            end: End::None,
            is_doubtful: false,
            was_rejected: false,
            returns: 0,
            deliveries: 0,
        });
        MessageId(self.messages.len() as u64 - 1)
    }

    fn message(&mut self, id: MessageId) -> &mut Message {
        &mut self.messages[id.0 as usize]
    }

    pub(crate) fn queue_of(&self, id: MessageId) -> usize {
        self.messages[id.0 as usize].queue
    }

    pub(crate) fn confirmed(&mut self, id: MessageId, now: Timestamp) {
        let message = self.message(id);
        message.said = Said::Taken;
        message.taken = Some(now);
    }

    pub(crate) fn refused(&mut self, id: MessageId, rules: &[Rules]) {
        let message = self.message(id);
        message.said = Said::Refused;
        let rules = &rules[message.queue];
        let may_refuse = rules.max_length.is_some() && rules.overflow != Overflow::DropHead;
        assert!(may_refuse, "{id:?} was refused by a queue that takes all");
    }

    pub(crate) fn returned(&mut self, id: MessageId) {
        self.message(id).returns += 1;
    }

    pub(crate) fn acked(&mut self, id: MessageId) {
        self.message(id).end = End::Settled;
    }

    pub(crate) fn rejected(&mut self, id: MessageId, dead_letters: bool) {
        let message = self.message(id);
        message.was_rejected = true;
        message.end = match dead_letters {
            true => End::Rejected,
            false => End::Settled,
        };
    }

    pub(crate) fn dead_settled(&mut self, id: MessageId) {
        self.message(id).end = End::DeadSettled;
    }

    /// What was on its way to the client went back.
    pub(crate) fn lost_sight(&mut self) {
        self.is_blurred = true;
    }

    pub(crate) fn restarted(&mut self) {
        for message in &mut self.messages {
            message.deliveries = 0;
        }
    }

    pub(crate) fn crashed(&mut self) {
        self.any_crash = true;
        self.doubt();
        self.restarted();
    }

    /// What the client did last may not have been done.
    pub(crate) fn doubt(&mut self) {
        for message in &mut self.messages {
            message.is_doubtful = true;
        }
    }

    /// A message came from its queue.
    pub(crate) fn handed_out(&mut self, id: MessageId, rules: &[Rules], now: Timestamp) {
        let message = self.message(id);
        message.check_live(id, now);
        let due = message.demand.due_ms;
        let waited = now.since(message.sent).as_millis() as u64;
        assert!(waited >= due, "{id:?} came {} ms too early", due - waited);
        message.end = End::None;
        message.deliveries += 1;
        if let Some(limit) = rules[message.queue].delivery_limit {
            let deliveries = message.deliveries;
            assert!(deliveries <= limit + 1, "{id:?} came {deliveries} times");
        }
    }

    /// A dead letter has a reason that its queue could give.
    pub(crate) fn check_dead(&self, seen: &Seen, rules: &[Rules], now: Timestamp) {
        let message = &self.messages[seen.id.0 as usize];
        let rules = &rules[message.queue];
        let can_be = match seen.reason.as_deref() {
            Some("rejected") => message.was_rejected,
            Some("expired") => message
                .demand
                .expires(message.sent)
                .is_some_and(|at| at <= now),
            Some("maxlen") => {
                let told = rules.overflow != Overflow::Reject;
                rules.max_length.is_some() && told
            }
            Some("delivery_limit") => {
                let limit = rules.delivery_limit;
                limit.is_some_and(|limit| self.is_blurred || message.returns > limit)
            }
            _ => false,
        };
        assert!(rules.dead_letters && can_be, "{seen:?} of {message:?}");
    }

    /// Everything has come to rest: `waiting` is in the queue, in the order of delivery, `dead` among its dead
    /// letters, and `held` with the client.
    pub(crate) fn check(
        &mut self,
        queue: usize,
        all_rules: &[Rules],
        waiting: &[Seen],
        dead: &[Seen],
        held: &[(MessageId, bool)],
        now: Timestamp,
    ) {
        let rules = &all_rules[queue];
        let drops = rules.overflow == Overflow::DropHead;
        if let Some(most) = rules.max_length.filter(|_| drops) {
            let count = waiting.len();
            assert!(count <= most, "{count} messages wait, of {most} at most");
        }
        self.check_order(rules, waiting);
        let mut places: BTreeMap<MessageId, (usize, usize)> = BTreeMap::new();
        for seen in waiting {
            places.entry(seen.id).or_default().0 += 1;
        }
        for seen in dead {
            places.entry(seen.id).or_default().1 += 1;
        }
        for (id, dead) in held {
            let place = places.entry(*id).or_default();
            match dead {
                true => place.1 += 1,
                false => place.0 += 1,
            }
        }
        let any_crash = self.any_crash;
        for (number, message) in self.messages.iter_mut().enumerate() {
            if message.queue == queue {
                let id = MessageId(number as u64);
                let (here, dead) = places.get(&id).copied().unwrap_or_default();
                let is_held = held.contains(&(id, false));
                message.check(id, rules, here, dead, is_held, now, any_crash);
            }
        }
    }

    /// Higher priorities first, each in the order of publishing.
    fn check_order(&self, rules: &Rules, waiting: &[Seen]) {
        let highest = rules.max_priority.unwrap_or(0);
        let rank = |seen: &Seen| {
            let message = &self.messages[seen.id.0 as usize];
            (highest - message.demand.priority.min(highest), seen.id)
        };
        let is_sorted = rules.is_quorum || waiting.is_sorted_by_key(rank);
        assert!(is_sorted, "out of order: {waiting:?}");
    }
}

impl Message {
    /// It may still be handed out.
    fn check_live(&self, id: MessageId, now: Timestamp) {
        let is_over = self.end != End::None && !self.is_doubtful;
        assert!(!is_over, "{id:?} came again: {self:?}");
        assert!(self.said != Said::Refused, "{id:?} was refused and came");
        let expires = self.taken.and_then(|taken| self.demand.expires(taken));
        let expired = expires.is_some_and(|at| at <= now);
        assert!(!expired, "{id:?} came too late: {self:?}");
    }

    #[expect(clippy::too_many_arguments, reason = "what is known of one message")]
    fn check(
        &mut self,
        id: MessageId,
        rules: &Rules,
        here: usize,
        dead: usize,
        is_held: bool,
        now: Timestamp,
        any_crash: bool,
    ) {
        if here > 0 && !is_held {
            let before = now.as_millis().saturating_sub(TICK_MS);
            self.check_live(id, Timestamp::from_millis(before));
        }
        assert!(here <= 1, "{id:?} is in its queue twice");
        assert!(
            any_crash || here + dead <= 1,
            "{id:?} is in {here} + {dead} places"
        );
        if self.is_doubtful && here > 0 {
            self.end = End::None;
        }
        self.is_doubtful &= self.end != End::None;
        let due_ms = self.demand.due_ms + TICK_MS;
        let from = self.taken.unwrap_or(self.sent);
        let delayed = now.since(from).as_millis() < u128::from(due_ms);
        let must_be = match self.end {
            End::None => self.said == Said::Taken && !delayed,
            End::Rejected => self.said == Said::Taken || !self.is_doubtful,
            End::Settled | End::DeadSettled => false,
        };
        let is_full = rules.max_length.is_some() && rules.overflow == Overflow::DropHead;
        // What comes back may exceed the length of any queue.
        let is_dropped = rules.max_length.is_some() && (is_full || self.returns > 0);
        let may_expire = self.demand.expires(self.sent).is_some_and(|at| at <= now);
        let is_limited = rules.delivery_limit.is_some() && self.returns > 0;
        let may_leave = may_expire || is_dropped || is_limited;
        let excused = may_leave && !rules.dead_letters;
        assert!(
            !must_be || here + dead > 0 || excused,
            "{id:?} is nowhere: {self:?}"
        );
        let kept = !may_leave && self.end == End::None;
        assert!(
            !must_be || !kept || here > 0,
            "{id:?} left its queue: {self:?}"
        );
    }
}
