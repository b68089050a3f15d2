//! Credentials that were verified a moment ago, so that clients which connect many times a second
//! do not pay a slow hash each time.
//!
//! Neither passwords nor their plain digests are kept: an entry is a digest keyed with random
//! bytes of this process. It covers the stored hash, so a new password forgets the old one.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::users::User;
use crate::clock::Timestamp;

/// How long a verified pair is remembered.
const REMEMBERED: Duration = Duration::from_secs(15);
/// Pairs remembered at most; only successful logins make entries.
const MAX_ENTRIES: usize = 1_024;

type Fingerprint = [u8; 32];

/// The recently verified pairs of user and password.
pub(super) struct Verified {
    key: [u8; 32],
    until: HashMap<Fingerprint, Timestamp>,
}

impl Verified {
    /// Nothing yet, under a fresh key.
    pub(super) fn new() -> Self {
        Self {
            key: rand::random(),
            until: HashMap::new(),
        }
    }

    /// Was `password` verified against this very user's hash a moment ago?
    pub(super) fn recognises(&self, user: &User, password: &[u8], now: Timestamp) -> bool {
        let until = self.until.get(&self.fingerprint(user, password));
        until.is_some_and(|until| now < *until)
    }

    /// Remembers that `password` was verified.
    pub(super) fn remember(&mut self, user: &User, password: &[u8], now: Timestamp) {
        if self.until.len() >= MAX_ENTRIES {
            self.until.retain(|_, until| now < *until);
        }
        if self.until.len() >= MAX_ENTRIES {
            self.until.clear();
        }
        let fingerprint = self.fingerprint(user, password);
        self.until.insert(fingerprint, now.after(REMEMBERED));
    }

    /// HMAC would add nothing: the fields' lengths make the input unambiguous, and nobody outside
    /// sees a fingerprint.
    fn fingerprint(&self, user: &User, password: &[u8]) -> Fingerprint {
        let mut digest = Sha256::new().chain_update(self.key);
        for field in [
            user.name().as_bytes(),
            user.password().text().as_bytes(),
            password,
        ] {
            digest.update((field.len() as u64).to_be_bytes());
            digest.update(field);
        }
        digest.finalize().into()
    }
}

impl fmt::Debug for Verified {
    /// The key stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({} entries)", self.until.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::passwords::PasswordHash;

    const START: Timestamp = Timestamp::from_millis(0);

    fn user(name: &str) -> User {
        User::new(name, PasswordHash::Absent, vec![])
    }

    #[test]
    fn pairs_are_remembered_for_a_while() {
        let mut verified = Verified::new();
        verified.remember(&user("a"), b"p", START);
        let last = START.after(REMEMBERED - Duration::from_millis(1));
        assert!(verified.recognises(&user("a"), b"p", last));
        assert!(!verified.recognises(&user("a"), b"p", START.after(REMEMBERED)));
        assert!(!verified.recognises(&user("a"), b"q", START));
        assert!(!verified.recognises(&user("b"), b"p", START));
    }

    #[test]
    fn another_stored_hash_is_another_pair() {
        let mut verified = Verified::new();
        verified.remember(&user("a"), b"p", START);
        let changed = User::new("a", PasswordHash::sha256(b"p"), vec![]);
        assert!(!verified.recognises(&changed, b"p", START));
    }

    #[test]
    fn memory_is_bounded() {
        let mut verified = Verified::new();
        for number in 0..3 * MAX_ENTRIES {
            verified.remember(&user(&number.to_string()), b"p", START);
            assert!(verified.until.len() <= MAX_ENTRIES);
        }
    }
}
