//! Heartbeats: when to send one, and when the peer counts as gone.

use std::time::Duration;

use crate::clock::Timestamp;

/// The heartbeat state of one connection.
///
/// Compat: as RabbitMQ, one is sent when nothing was written for half an interval, and the peer
/// is gone when two checks in a row, an interval apart, have seen nothing from it.
#[derive(Debug)]
pub struct Heartbeat {
    interval: Duration,
    next_send: Timestamp,
    next_check: Timestamp,
    wrote: bool,
    /// The next write is a heartbeat, which does not count as traffic.
    beating: bool,
    read: bool,
    silent_checks: u8,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// Send a heartbeat.
    Send,
    /// The peer is gone.
    Gone,
}

impl Heartbeat {
    /// The heartbeats that `seconds` in `tune-ok` ask for; 0: none.
    pub fn new(seconds: u16, now: Timestamp) -> Option<Self> {
        let interval = Duration::from_secs(u64::from(seconds));
        (seconds > 0).then(|| Self {
            interval,
            next_send: now.after(interval / 2),
            next_check: now.after(interval),
            wrote: false,
            beating: false,
            read: true,
            silent_checks: 0,
        })
    }

    /// What was agreed on.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Bytes were written.
    pub fn wrote(&mut self) {
        self.wrote |= !std::mem::take(&mut self.beating);
    }

    /// Bytes came in, or were not looked for.
    pub fn read(&mut self) {
        self.read = true;
    }

    /// When to ask [`Heartbeat::due`] again.
    pub fn next_timeout(&self) -> Timestamp {
        self.next_send.min(self.next_check)
    }

    /// What is due now.
    pub fn due(&mut self, now: Timestamp) -> Due {
        if now >= self.next_check {
            self.next_check = now.after(self.interval);
            self.silent_checks = match std::mem::take(&mut self.read) {
                true => 0,
                false => self.silent_checks + 1,
            };
            if self.silent_checks >= 2 {
                return Due::Gone;
            }
        }
        if now >= self.next_send {
            self.next_send = now.after(self.interval / 2);
            if !std::mem::take(&mut self.wrote) {
                self.beating = true;
                return Due::Send;
            }
        }
        Due::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn zero_is_none() {
        assert!(Heartbeat::new(0, at(0)).is_none());
    }

    #[test]
    fn a_silent_peer_is_gone_after_two_checks() {
        let mut heartbeat = Heartbeat::new(10, at(0)).unwrap();
        assert_eq!(heartbeat.due(at(5)), Due::Send);
        heartbeat.wrote();
        assert_eq!(
            heartbeat.due(at(10)),
            Due::Send,
            "its own heartbeat does not count"
        );
        assert_eq!(heartbeat.due(at(20)), Due::Send);
        assert_eq!(heartbeat.due(at(30)), Due::Gone);
    }

    #[test]
    fn traffic_makes_heartbeats_unnecessary() {
        let mut heartbeat = Heartbeat::new(10, at(0)).unwrap();
        for second in 1..100 {
            heartbeat.read();
            heartbeat.wrote();
            assert_eq!(heartbeat.due(at(second)), Due::Nothing);
        }
    }
}
