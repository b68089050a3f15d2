//! Who tried to log in, and how that went.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Sources that are told apart. More are not: clients could make up as many as they like.
const MOST_SOURCES: usize = 1_000;

/// The protocol over which somebody logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// AMQP 0-9-1.
    Amqp091,
    /// The management interface.
    Http,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Amqp091, Self::Http];

    /// As metrics and the API name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amqp091 => "amqp091",
            Self::Http => "http",
        }
    }
}

/// How often it was tried, and how that went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    /// Successful ones.
    pub succeeded: u64,
    /// Others.
    pub failed: u64,
}

impl Attempts {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.succeeded + self.failed
    }

    fn add(&mut self, succeeded: bool) {
        match succeeded {
            true => self.succeeded += 1,
            false => self.failed += 1,
        }
    }
}

/// Where an attempt came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// Over what.
    pub protocol: Protocol,
    /// From where.
    pub address: IpAddr,
    /// As whom.
    pub user: String,
}

/// Counts attempts.
#[derive(Debug, Default)]
pub struct AuthAttempts {
    /// Successful and failed ones, by protocol.
    counts: [[AtomicU64; 2]; Protocol::ALL.len()],
    sources: Mutex<HashMap<Source, Attempts>>,
}

impl AuthAttempts {
    /// Those over `protocol`.
    pub fn of(&self, protocol: Protocol) -> Attempts {
        let [succeeded, failed] = &self.counts[protocol as usize];
        Attempts {
            succeeded: succeeded.load(Ordering::Relaxed),
            failed: failed.load(Ordering::Relaxed),
        }
    }

    /// Those of each source, in no order. There are at most 1,000.
    pub fn by_source(&self) -> Vec<(Source, Attempts)> {
        let sources = self.sources.lock();
        let all = sources.iter();
        all.map(|(source, attempts)| (source.clone(), *attempts))
            .collect()
    }

    /// Forgets all of them.
    pub fn reset(&self) {
        for count in self.counts.iter().flatten() {
            count.store(0, Ordering::Relaxed);
        }
        self.reset_sources();
    }

    /// Forgets where they came from.
    pub fn reset_sources(&self) {
        self.sources.lock().clear();
    }

    /// Counts one.
    pub fn count(&self, protocol: Protocol, address: IpAddr, user: &str, succeeded: bool) {
        let [good, bad] = &self.counts[protocol as usize];
        let count = if succeeded { good } else { bad };
        count.fetch_add(1, Ordering::Relaxed);
        let source = Source {
            protocol,
            address,
            user: user.to_owned(),
        };
        let mut sources = self.sources.lock();
        if sources.len() < MOST_SOURCES || sources.contains_key(&source) {
            sources.entry(source).or_default().add(succeeded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn attempts_are_counted_by_protocol_and_source() {
        let attempts = AuthAttempts::default();
        attempts.count(Protocol::Http, HERE, "guest", true);
        attempts.count(Protocol::Http, HERE, "guest", false);
        attempts.count(Protocol::Amqp091, HERE, "guest", true);
        let expected = Attempts {
            succeeded: 1,
            failed: 1,
        };
        assert_eq!(attempts.of(Protocol::Http), expected);
        assert_eq!(attempts.by_source().len(), 2);
        attempts.reset();
        assert_eq!(attempts.of(Protocol::Http).all(), 0);
        assert!(attempts.by_source().is_empty());
    }

    #[test]
    fn made_up_users_take_no_memory_without_bound() {
        let attempts = AuthAttempts::default();
        for number in 0..2 * MOST_SOURCES {
            attempts.count(Protocol::Http, HERE, &number.to_string(), false);
        }
        assert_eq!(attempts.by_source().len(), MOST_SOURCES);
        assert_eq!(attempts.of(Protocol::Http).failed, 2 * MOST_SOURCES as u64);
    }
}
