//! Passwords are not guessed here: after some failures whoever tries has to wait.
//!
//! Failures are counted by name and address, so that those behind one proxy don't wait for each other, and by address alone,
//! where many more are free. What a proxy says of an address (`X-Forwarded-For`) is not asked: anybody can say it.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ferrymq_broker::clock::Timestamp;
use parking_lot::Mutex;

/// So many failures in a row are free, for a name from an address.
const FREE: u32 = 5;
/// The same for an address, whatever the names.
const FREE_OF_ADDRESS: u32 = 50;
/// How long one waits after one more.
const WAIT: Duration = Duration::from_secs(30);
/// Names and addresses that are remembered; more than that, and those are forgotten that failed the longest ago.
const MAX_REMEMBERED: usize = 10_000;
/// Who has one address of an IPv6 network usually has all that begin so.
const NETWORK: u128 = u128::MAX << 64;

/// Failures. An attempt counts as one from its beginning, so that many at once are not free.
#[derive(Default)]
pub(crate) struct Attempts {
    /// Names can be long: only their hashes are kept.
    hasher: RandomState,
    all: Mutex<HashMap<Who, Failures>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    Address(IpAddr),
    User(u64, IpAddr),
}

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
    /// Somebody at `address` tries a password of `user`.
    ///
    /// # Errors
    /// Not before a while.
    pub(crate) fn begin(&self, user: &str, address: IpAddr, now: Timestamp) -> Result<(), TooMany> {
        let whose = self.whose(user, address);
        let mut all = self.all.lock();
        for who in &whose {
            check(&mut all, who, now)?;
        }
        for who in whose {
            make_room(&mut all, now);
            let failures = all.entry(who).or_insert(Failures {
                count: 0,
                last_at: now,
            });
            failures.count += 1;
            failures.last_at = now;
        }
        Ok(())
    }

    /// It was the right password: the user begins anew, and the address has not failed.
    pub(crate) fn succeeded(&self, user: &str, address: IpAddr) {
        let [user, address] = self.whose(user, address);
        let mut all = self.all.lock();
        all.remove(&user);
        if let Some(failures) = all.get_mut(&address) {
            failures.count = failures.count.saturating_sub(1);
        }
    }

    fn whose(&self, user: &str, address: IpAddr) -> [Who; 2] {
        let network = match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
            address => address,
        };
        let user = self.hasher.hash_one(user);
        [Who::User(user, network), Who::Address(network)]
    }
}

impl Who {
    fn free(&self) -> u32 {
        match self {
            Self::Address(_) => FREE_OF_ADDRESS,
            Self::User(..) => FREE,
        }
    }
}

fn check(all: &mut HashMap<Who, Failures>, who: &Who, now: Timestamp) -> Result<(), TooMany> {
    let Some(failures) = all.get(who) else {
        return Ok(());
    };
    let since = now.since(failures.last_at);
    if since >= WAIT {
        all.remove(who);
        return Ok(());
    }
    match failures.count < who.free() {
        true => Ok(()),
        false => Err(TooMany { wait: WAIT - since }),
    }
}

fn make_room(all: &mut HashMap<Who, Failures>, now: Timestamp) {
    if all.len() < MAX_REMEMBERED {
        return;
    }
    all.retain(|_, failures| now.since(failures.last_at) < WAIT);
    if all.len() >= MAX_REMEMBERED {
        let oldest = all.iter().min_by_key(|(_, failures)| failures.last_at);
        if let Some(who) = oldest.map(|(who, _)| *who) {
            all.remove(&who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn proxy() -> IpAddr {
        IpAddr::from([10, 0, 0, 1])
    }

    #[test]
    fn a_user_waits_after_too_many_failures() {
        let attempts = Attempts::default();
        for second in 0..5 {
            assert_eq!(attempts.begin("a", proxy(), at(second)), Ok(()));
        }
        let wait = Duration::from_secs(20);
        let too_many = Err(TooMany { wait });
        assert_eq!(attempts.begin("a", proxy(), at(14)), too_many);
        assert_eq!(attempts.begin("b", proxy(), at(14)), Ok(()));
        assert_eq!(attempts.begin("a", [10, 0, 0, 2].into(), at(14)), Ok(()));
        assert_eq!(attempts.begin("a", proxy(), at(34)), Ok(()));
    }

    #[test]
    fn an_address_waits_after_many_more() {
        let attempts = Attempts::default();
        for number in 0..FREE_OF_ADDRESS {
            let user = number.to_string();
            assert_eq!(attempts.begin(&user, proxy(), at(0)), Ok(()));
        }
        let too_many = Err(TooMany { wait: WAIT });
        assert_eq!(attempts.begin("another", proxy(), at(0)), too_many);
        assert_eq!(attempts.begin("another", proxy(), at(30)), Ok(()));
    }

    #[test]
    fn who_knows_the_password_begins_anew() {
        let attempts = Attempts::default();
        for second in 0..2 {
            for _ in 0..4 {
                assert_eq!(attempts.begin("a", proxy(), at(second)), Ok(()));
            }
            assert_eq!(attempts.begin("a", proxy(), at(second)), Ok(()));
            attempts.succeeded("a", proxy());
        }
        for _ in 0..10 * FREE_OF_ADDRESS {
            assert_eq!(attempts.begin("b", proxy(), at(2)), Ok(()));
            attempts.succeeded("b", proxy());
        }
    }

    #[test]
    fn a_network_is_one_address() {
        let attempts = Attempts::default();
        let begin = |address: &str| attempts.begin("a", address.parse().unwrap(), at(0));
        for host in 0..5 {
            assert_eq!(begin(&format!("2001:db8::{host}")), Ok(()));
        }
        assert!(begin("2001:db8::ffff:1:1").is_err());
        assert_eq!(begin("2001:db8:0:1::1"), Ok(()));
        for _ in 0..5 {
            assert_eq!(begin("10.0.0.9"), Ok(()));
        }
        assert!(begin("::ffff:10.0.0.9").is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = Attempts::default();
        for number in 0..MAX_REMEMBERED as u32 {
            let address = IpAddr::from(number.to_be_bytes());
            assert_eq!(attempts.begin("a", address, at(1)), Ok(()));
            assert!(attempts.all.lock().len() <= MAX_REMEMBERED);
        }
    }
}
