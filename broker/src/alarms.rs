//! Alarms: the broker is short of memory or disk, and publishers have to wait.

use std::fmt;

/// Which alarms are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alarms {
    /// The process uses more memory than the configured mark.
    pub memory: bool,
    /// Less disk space is free than the configured mark, or too little to write at all.
    pub disk: bool,
}

impl Alarms {
    /// Is any alarm on?
    pub fn any(self) -> bool {
        self.memory || self.disk
    }
}

impl fmt::Display for Alarms {
    /// As in `connection.blocked`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.memory, self.disk) {
            (true, true) => f.write_str("low on memory & disk"),
            (true, false) => f.write_str("low on memory"),
            (false, true) => f.write_str("low on disk"),
            (false, false) => f.write_str("no alarm"),
        }
    }
}

impl Alarms {
    /// Logs what differs from `before` on `node`, in the words that people search for.
    pub fn log_change(self, before: Self, node: &str) {
        let pairs = [
            ("memory", self.memory, before.memory),
            ("disk", self.disk, before.disk),
        ];
        for (resource, now, before) in pairs {
            match (now, before) {
                (true, false) => tracing::warn!(
                    "{resource} resource limit alarm set on node {node}. \
                     Publishers will be blocked until this alarm clears"
                ),
                (false, true) => {
                    tracing::warn!("{resource} resource limit alarm cleared on node {node}");
                }
                _ => {}
            }
        }
    }
}
