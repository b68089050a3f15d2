//! The process's memory by what it is for.

use crate::http::Site;
use crate::statistics::process;

/// In bytes. The parts together are what the process uses.
pub(crate) struct Memory {
    pub(crate) total: u64,
    /// The program itself.
    pub(crate) program: u64,
    /// Messages that wait in queues of any type.
    pub(crate) queues: u64,
    /// Messages that consumers have not settled.
    pub(crate) unacked: u64,
    /// Deliveries that wait for their sockets.
    pub(crate) outboxes: u64,
    /// Samples of how everything went.
    pub(crate) histories: u64,
    /// Where messages lie in the log: about a byte for each.
    pub(crate) index: u64,
    /// Everything else.
    pub(crate) rest: u64,
}

impl Memory {
    /// As it is now, as far as the last tick knows.
    pub(crate) fn of(site: &Site) -> Self {
        let process = process(site);
        let sums = site.broker.statistics().sums();
        let mut rest = process.memory_bytes;
        // They were not looked at in the same moment.
        let mut part = |bytes: u64| {
            let bytes = bytes.min(rest);
            rest -= bytes;
            bytes
        };
        Self {
            total: process.memory_bytes,
            program: part(process.file_memory_bytes),
            queues: part(site.broker.paging().resident_bytes()),
            unacked: part(sums.queues.unacked_bytes),
            outboxes: part(sums.outbox_bytes),
            histories: part(sums.history_bytes),
            index: part(site.broker.store().statistics().live_messages),
            rest,
        }
    }
}
