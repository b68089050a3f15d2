//! Passwords are not guessed here: after some failures an address has to wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use ferrymq_broker::clock::Timestamp;
use parking_lot::Mutex;

/// So many failures in a row are free.
const FREE: u32 = 5;
/// How long an address waits after one more.
const WAIT: Duration = Duration::from_secs(30);
/// Addresses that are remembered; more than that, and all are forgotten.
const MAX_ADDRESSES: usize = 10_000;

/// Failures by address.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<IpAddr, Failures>>);

struct Failures {
    count: u32,
    last_at: Timestamp,
}

/// There were too many failures.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// When to try again.
    pub(crate) wait: Duration,
}

impl Attempts {
    /// May this address try again?
    ///
    /// # Errors
    /// Not before a while.
    pub(crate) fn allow(&self, address: IpAddr, now: Timestamp) -> Result<(), TooMany> {
        let mut all = self.0.lock();
        let Some(failures) = all.get(&address) else {
            return Ok(());
        };
        let since = now.since(failures.last_at);
        if since >= WAIT {
            all.remove(&address);
            return Ok(());
        }
        match failures.count < FREE {
            true => Ok(()),
            false => Err(TooMany { wait: WAIT - since }),
        }
    }

    /// One more failure.
    pub(crate) fn failed(&self, address: IpAddr, now: Timestamp) {
        let mut all = self.0.lock();
        if all.len() >= MAX_ADDRESSES {
            all.clear();
        }
        let failures = all.entry(address).or_insert(Failures {
            count: 0,
            last_at: now,
        });
        failures.count += 1;
        failures.last_at = now;
    }

    /// It knew a password.
    pub(crate) fn forget(&self, address: IpAddr) {
        self.0.lock().remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn an_address_waits_after_too_many_failures() {
        let (attempts, address) = (Attempts::default(), IpAddr::from([10, 0, 0, 1]));
        for second in 0..5 {
            assert_eq!(attempts.allow(address, at(second)), Ok(()));
            attempts.failed(address, at(second));
        }
        let wait = Duration::from_secs(20);
        assert_eq!(attempts.allow(address, at(14)), Err(TooMany { wait }));
        assert_eq!(attempts.allow([10, 0, 0, 2].into(), at(14)), Ok(()));
        assert_eq!(attempts.allow(address, at(34)), Ok(()));
    }

    #[test]
    fn who_knows_the_password_begins_anew() {
        let (attempts, address) = (Attempts::default(), IpAddr::from([10, 0, 0, 1]));
        for _ in 0..4 {
            attempts.failed(address, at(0));
        }
        attempts.forget(address);
        for _ in 0..4 {
            attempts.failed(address, at(1));
        }
        assert_eq!(attempts.allow(address, at(1)), Ok(()));
    }
}
