//! Deliveries held back: while the queue is paused, or when it has handed out as many a second as it may.
//!
//! Messages go on to enter, and to expire. A queue that was never held back pays one branch.

use super::{Effects, Queue};
use crate::clock::Timestamp;

/// What holds deliveries back.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    paused: bool,
    rate: Option<Bucket>,
    /// Somebody would have been served, but for the rate: again then.
    again_at: Option<Timestamp>,
}

/// Messages that may be handed out now, in thousandths: they fill up by `per_second` a millisecond.
#[derive(Debug)]
struct Bucket {
    per_second: u64,
    thousandths: u64,
    at: Timestamp,
}

/// What a message takes out of the bucket.
const MESSAGE: u64 = 1000;
/// So many milliseconds' worth of messages may be handed out at once.
const BURST_MS: u64 = 100;

impl Bucket {
    /// Begins full.
    fn new(per_second: u64, now: Timestamp) -> Self {
        let mut bucket = Self {
            per_second,
            thousandths: 0,
            at: now,
        };
        bucket.thousandths = bucket.most();
        bucket
    }

    fn most(&self) -> u64 {
        self.per_second.saturating_mul(BURST_MS).max(MESSAGE)
    }

    /// When the next message may go; `None`: now.
    fn next(&mut self, now: Timestamp) -> Option<Timestamp> {
        let elapsed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let more = elapsed.saturating_mul(self.per_second);
        self.thousandths = self.thousandths.saturating_add(more).min(self.most());
        self.at = now;
        let missing = MESSAGE.saturating_sub(self.thousandths);
        let wait = missing.div_ceil(self.per_second);
        (wait > 0).then(|| Timestamp::from_millis(now.as_millis().saturating_add(wait)))
    }
}

impl Queue {
    /// Hands out nothing from now on, or everything again.
    pub fn set_paused(&mut self, paused: bool, effects: &mut Effects) {
        self.throttle.get_or_insert_default().paused = paused;
        self.forget_throttle();
        self.serve(effects);
    }

    /// Are deliveries paused?
    pub fn is_paused(&self) -> bool {
        self.throttle
            .as_ref()
            .is_some_and(|throttle| throttle.paused)
    }

    /// Does what the settings say from now on.
    pub(super) fn configure_rate(&mut self, now: Timestamp) {
        let features = self.settings.features.as_ref();
        let rate = features.and_then(|features| features.max_deliver_rate);
        let before = self
            .throttle
            .as_ref()
            .and_then(|throttle| throttle.rate.as_ref());
        if before.map(|bucket| bucket.per_second) == rate {
            return;
        }
        let throttle = self.throttle.get_or_insert_default();
        throttle.rate = rate.map(|rate| Bucket::new(rate, now));
        throttle.again_at = None;
        self.forget_throttle();
    }

    /// May nothing be handed out now?
    #[inline]
    pub(super) fn is_held_back(&mut self, now: Timestamp) -> bool {
        match &mut self.throttle {
            None => false,
            Some(throttle) => throttle.holds_back(now),
        }
    }

    /// What was waited for is looked at anew.
    #[inline]
    pub(super) fn begin_serving(&mut self) {
        if let Some(throttle) = &mut self.throttle {
            throttle.again_at = None;
        }
    }

    /// A message was handed out.
    #[inline]
    pub(super) fn note_handed_out(&mut self) {
        if let Some(throttle) = &mut self.throttle
            && let Some(bucket) = &mut throttle.rate
        {
            bucket.thousandths = bucket.thousandths.saturating_sub(MESSAGE);
        }
    }

    /// When somebody may be served again.
    pub(super) fn served_again_at(&self) -> Option<Timestamp> {
        let throttle = self.throttle.as_ref()?;
        throttle.again_at.filter(|_| !self.consumers.is_empty())
    }

    fn forget_throttle(&mut self) {
        let idle = |throttle: &mut Box<Throttle>| !throttle.paused && throttle.rate.is_none();
        self.throttle.take_if(idle);
    }
}

impl Throttle {
    pub(super) fn holds_back(&mut self, now: Timestamp) -> bool {
        if self.paused {
            self.again_at = None;
            return true;
        }
        self.again_at = self.rate.as_mut().and_then(|bucket| bucket.next(now));
        self.again_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp::from_millis(milliseconds)
    }

    /// How many messages may go at `now`.
    fn drain(bucket: &mut Bucket, now: u64) -> u64 {
        let mut count = 0;
        while bucket.next(at(now)).is_none() {
            bucket.thousandths -= MESSAGE;
            count += 1;
        }
        count
    }

    #[test]
    fn a_bucket_holds_a_tenth_of_a_second() {
        let mut bucket = Bucket::new(1000, at(50));
        assert_eq!(drain(&mut bucket, 50), 100);
        assert_eq!(bucket.next(at(50)), Some(at(51)));
        assert_eq!(drain(&mut bucket, 53), 3);
        assert_eq!(drain(&mut bucket, 10_000), 100);
    }

    #[test]
    fn over_time_the_rate_is_exact() {
        for rate in [1, 3, 7, 999, 12_345] {
            let mut bucket = Bucket::new(rate, at(0));
            let burst = drain(&mut bucket, 0);
            let mut now = 0;
            let mut count = 0;
            while let Some(next) = bucket.next(at(now)) {
                now = next.as_millis();
                if now > 20_000 {
                    break;
                }
                count += drain(&mut bucket, now);
            }
            assert!(count.abs_diff(20 * rate) <= 1, "{count} at {rate} a second");
            assert!(burst <= rate.div_ceil(10).max(1));
        }
    }
}
