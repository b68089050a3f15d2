//! Publishing in transactions: so many messages, a commit, its answer, the next.

/// The open transaction of a channel.
pub(super) struct Transaction {
    size: u64,
    /// Messages in it.
    open: u64,
    /// Send times of those that are timed.
    times: Vec<u64>,
    /// Whether the commit is on its way, and nothing may be sent.
    committing: bool,
}

impl Transaction {
    /// Transactions of `size` messages.
    pub(super) fn new(size: u32) -> Self {
        Self {
            size: size.into(),
            open: 0,
            times: Vec::new(),
            committing: false,
        }
    }

    /// How many more may be published now.
    pub(super) fn budget(&self) -> u64 {
        match self.committing {
            true => 0,
            false => self.size - self.open,
        }
    }

    /// How many are published and not committed.
    pub(super) fn outstanding(&self) -> u64 {
        self.open
    }

    /// Takes note of the next publish, sent at `time` if that is known.
    pub(super) fn publish(&mut self, time: u64) {
        self.open += 1;
        if time != 0 {
            self.times.push(time);
        }
    }

    /// Whether a commit is to be sent now: when it is full, or has something in it that is the last.
    pub(super) fn begin_commit(&mut self, last: bool) -> bool {
        let due = self.open == self.size || last && self.open > 0;
        let begins = due && !self.committing;
        self.committing |= due;
        begins
    }

    /// The broker has committed. Returns how many messages, and leaves the send times of those timed.
    pub(super) fn committed(&mut self, times: &mut Vec<u64>) -> u64 {
        self.committing = false;
        times.append(&mut self.times);
        std::mem::take(&mut self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_transaction_is_committed_once() {
        let mut transaction = Transaction::new(2);
        let mut times = Vec::new();
        assert!(!transaction.begin_commit(true), "nothing is in it");
        transaction.publish(5);
        assert!(!transaction.begin_commit(false));
        assert_eq!(transaction.budget(), 1);
        transaction.publish(0);
        assert!(transaction.begin_commit(false));
        assert!(!transaction.begin_commit(true), "it is on its way");
        assert_eq!((transaction.budget(), transaction.outstanding()), (0, 2));
        assert_eq!(transaction.committed(&mut times), 2);
        assert_eq!(times, [5]);
        assert_eq!((transaction.budget(), transaction.outstanding()), (2, 0));
        transaction.publish(0);
        assert!(transaction.begin_commit(true));
    }
}
