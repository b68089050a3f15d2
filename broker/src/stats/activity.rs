//! What happens to messages, as numbers: a count for each kind.

use std::ops::{AddAssign, Index, IndexMut, Sub};

/// What can happen to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Published by a client.
    Publish,
    /// Published on a channel in confirm mode; counted as published, too.
    PublishToConfirm,
    /// Reached a queue: one for each queue.
    Route,
    /// Confirmed to its publisher.
    Confirm,
    /// Refused, and its publisher was told with `basic.nack`.
    Nack,
    /// Reached no queue, and was returned because it was mandatory.
    ReturnUnroutable,
    /// Reached no queue, and was dropped.
    DropUnroutable,
    /// Sent to a consumer that has to ack it.
    Deliver,
    /// Sent to a consumer that need not.
    DeliverNoAck,
    /// Fetched with `basic.get`, to be acked.
    Get,
    /// Fetched with `basic.get`, and done with.
    GetNoAck,
    /// Not there when `basic.get` asked.
    GetEmpty,
    /// Sent or fetched again; counted as delivered or fetched, too.
    Redeliver,
    /// Acked.
    Ack,
    /// Acked, rejected or requeued, or taken back from its consumer: unacked no more.
    Settle,
}

impl Kind {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Publish,
        Self::PublishToConfirm,
        Self::Route,
        Self::Confirm,
        Self::Nack,
        Self::ReturnUnroutable,
        Self::DropUnroutable,
        Self::Deliver,
        Self::DeliverNoAck,
        Self::Get,
        Self::GetNoAck,
        Self::GetEmpty,
        Self::Redeliver,
        Self::Ack,
        Self::Settle,
    ];
}

/// A count for each [`Kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activity([u64; Kind::COUNT]);

impl Activity {
    /// Counts from an array in the order of [`Kind::ALL`].
    pub(super) fn from_counts(counts: [u64; Kind::COUNT]) -> Self {
        Self(counts)
    }

    /// Has nothing happened?
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Deliveries and gets, acked or not: RabbitMQ's `deliver_get`.
    pub fn deliver_get(&self) -> u64 {
        self[Kind::Deliver] + self[Kind::DeliverNoAck] + self[Kind::Get] + self[Kind::GetNoAck]
    }

    /// What was sent or fetched to be acked, and is not settled.
    pub fn unacked(&self) -> u64 {
        (self[Kind::Deliver] + self[Kind::Get]).saturating_sub(self[Kind::Settle])
    }

    /// What waits for its confirm.
    pub fn unconfirmed(&self) -> u64 {
        self[Kind::PublishToConfirm].saturating_sub(self[Kind::Confirm] + self[Kind::Nack])
    }

    /// Each kind that has happened, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        let all = Kind::ALL.into_iter().zip(self.0);
        all.filter(|(_, count)| *count > 0)
    }
}

impl Index<Kind> for Activity {
    type Output = u64;

    #[inline]
    fn index(&self, kind: Kind) -> &u64 {
        &self.0[kind as usize]
    }
}

impl IndexMut<Kind> for Activity {
    #[inline]
    fn index_mut(&mut self, kind: Kind) -> &mut u64 {
        &mut self.0[kind as usize]
    }
}

impl AddAssign for Activity {
    fn add_assign(&mut self, other: Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own += other;
        }
    }
}

impl Sub for Activity {
    type Output = Self;

    /// What has happened since `earlier`.
    fn sub(mut self, earlier: Self) -> Self {
        for (own, earlier) in self.0.iter_mut().zip(earlier.0) {
            *own = own.saturating_sub(earlier);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_their_order() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }

    #[test]
    fn what_is_open_follows_from_the_counts() {
        let mut activity = Activity::default();
        assert!(activity.is_zero());
        activity[Kind::Deliver] = 5;
        activity[Kind::Get] = 2;
        activity[Kind::DeliverNoAck] = 10;
        activity[Kind::Settle] = 3;
        assert_eq!((activity.deliver_get(), activity.unacked()), (17, 4));
        activity[Kind::PublishToConfirm] = 4;
        activity[Kind::Confirm] = 2;
        activity[Kind::Nack] = 1;
        assert_eq!(activity.unconfirmed(), 1);
    }
}
