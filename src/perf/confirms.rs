//! Which publishes are confirmed, in whatever order the broker says so, and how long it took.

/// The unconfirmed messages of one producer.
pub(super) struct Confirms {
    window: u64,
    /// Delivery tag of the last publish.
    published: u64,
    /// All up to this tag are settled.
    settled: u64,
    /// Settled above `settled`: a bit per tag, modulo the window.
    ahead: Vec<bool>,
    ahead_count: u64,
    /// One in so many messages is timed.
    every: u64,
    /// When each timed message was sent; 0 once it is settled.
    times: Vec<u64>,
}

/// A confirm for a message which was never sent, or was confirmed before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong;

impl Confirms {
    pub(super) fn new(window: u32, every: u64) -> Self {
        let window = u64::from(window);
        Self {
            window,
            published: 0,
            settled: 0,
            ahead: vec![false; window as usize],
            ahead_count: 0,
            every,
            times: vec![0; (window / every + 2) as usize],
        }
    }

    /// How many more may be published now.
    pub(super) fn budget(&self) -> u64 {
        self.window - self.unsettled_span()
    }

    /// How many are published and not settled.
    pub(super) fn outstanding(&self) -> u64 {
        self.unsettled_span() - self.ahead_count
    }

    fn unsettled_span(&self) -> u64 {
        self.published - self.settled
    }

    /// Takes note of the next publish, sent at `time` if that is known.
    #[inline]
    pub(super) fn publish(&mut self, time: u64) {
        if self.published.is_multiple_of(self.every) {
            let index = self.time_index(self.published + 1);
            self.times[index] = time;
        }
        self.published += 1;
    }

    fn time_index(&self, tag: u64) -> usize {
        ((tag - 1) / self.every) as usize % self.times.len()
    }

    fn bit_index(&self, tag: u64) -> usize {
        (tag % self.window) as usize
    }

    /// Settles one publish, or all up to `tag`. Returns how many were, and leaves the send times of those
    /// timed in `times`.
    pub(super) fn settle(
        &mut self,
        tag: u64,
        multiple: bool,
        times: &mut Vec<u64>,
    ) -> Result<u64, Wrong> {
        // Spec: tag 0 with multiple means all so far.
        let tag = match (tag, multiple) {
            (0, true) => self.published,
            _ => tag,
        };
        if tag <= self.settled || tag > self.published {
            return Err(Wrong);
        }
        match multiple {
            true => Ok(self.settle_up_to(tag, times)),
            false => self.settle_one(tag, times),
        }
    }

    fn settle_one(&mut self, tag: u64, times: &mut Vec<u64>) -> Result<u64, Wrong> {
        let bit = self.bit_index(tag);
        if std::mem::replace(&mut self.ahead[bit], true) {
            return Err(Wrong);
        }
        self.ahead_count += 1;
        if (tag - 1).is_multiple_of(self.every) {
            self.take_time(tag, times);
        }
        self.advance();
        Ok(1)
    }

    fn settle_up_to(&mut self, tag: u64, times: &mut Vec<u64>) -> u64 {
        let first = self.settled + 1;
        let mut already = 0;
        if self.ahead_count > 0 {
            for tag in first..=tag {
                let bit = self.bit_index(tag);
                already += u64::from(std::mem::take(&mut self.ahead[bit]));
            }
            self.ahead_count -= already;
        }
        let first_timed = self.settled.next_multiple_of(self.every) + 1;
        for timed in (first_timed..=tag).step_by(self.every as usize) {
            self.take_time(timed, times);
        }
        let newly = tag - self.settled - already;
        self.settled = tag;
        self.advance();
        newly
    }

    fn take_time(&mut self, tag: u64, times: &mut Vec<u64>) {
        let index = self.time_index(tag);
        let time = std::mem::take(&mut self.times[index]);
        if time != 0 {
            times.push(time);
        }
    }

    fn advance(&mut self) {
        while self.ahead_count > 0 {
            let bit = self.bit_index(self.settled + 1);
            if !std::mem::take(&mut self.ahead[bit]) {
                return;
            }
            self.ahead_count -= 1;
            self.settled += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_settles_everything_once() {
        let mut confirms = Confirms::new(8, 2);
        let mut times = Vec::new();
        (1..=8).for_each(|time| confirms.publish(time));
        assert_eq!(confirms.budget(), 0);
        assert_eq!(confirms.settle(3, false, &mut times), Ok(1));
        assert_eq!(confirms.settle(3, false, &mut times), Err(Wrong));
        assert_eq!(confirms.outstanding(), 7);
        assert_eq!(confirms.settle(1, false, &mut times), Ok(1));
        assert_eq!(confirms.settle(1, false, &mut times), Err(Wrong));
        assert_eq!(confirms.budget(), 1);
        assert_eq!(confirms.settle(2, false, &mut times), Ok(1));
        assert_eq!(confirms.budget(), 3);
        assert_eq!(confirms.settle(6, false, &mut times), Ok(1));
        assert_eq!(confirms.settle(7, true, &mut times), Ok(3));
        assert_eq!(confirms.settle(9, true, &mut times), Err(Wrong));
        assert_eq!(confirms.settle(0, true, &mut times), Ok(1));
        assert_eq!(confirms.outstanding(), 0);
        assert_eq!(confirms.budget(), 8);
        times.sort();
        assert_eq!(times, [1, 3, 5, 7]);
    }

    #[test]
    fn many_laps() {
        let mut confirms = Confirms::new(100, 8);
        let mut times = Vec::new();
        let mut settled = 0;
        for lap in 1..=50u64 {
            (0..confirms.budget()).for_each(|_| confirms.publish(lap));
            let tag = confirms.settled + lap.min(confirms.outstanding());
            settled += confirms.settle(tag, true, &mut times).unwrap();
        }
        assert_eq!(settled, (1..=50).sum::<u64>());
        assert_eq!(times.len() as u64, settled.div_ceil(8));
    }
}
