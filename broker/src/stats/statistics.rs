//! What is known of the whole broker over time: when ticks are, what the last one found, the broker's own histories.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::auth_attempts::AuthAttempts;
use super::fields::{ChurnField, MessageField, NodeField, TrafficField};
use super::history::History;
use super::series::{Grid, Moments, Tick};
use super::sums::Sums;
use super::traffic::TrafficTotals;
use super::{BrokerTotals, Kind};
use crate::clock::Timestamp;
use crate::config::{Config, RatesMode};
use crate::resources::ProcessReading;
use arc_swap::ArcSwap;

/// The broker's statistics over time.
pub struct Statistics {
    /// When the broker was started.
    pub started_at: Timestamp,
    /// What happens to messages, of all vhosts together.
    pub messages: History<MessageField>,
    /// What comes and goes.
    pub churn: History<ChurnField>,
    /// What the process uses.
    pub node: History<NodeField>,
    /// Who tried to log in.
    pub auth_attempts: AuthAttempts,
    /// What went over all sockets.
    pub traffic: TrafficTotals,
    /// How that went.
    pub traffic_history: History<TrafficField>,
    pub(super) rates_mode: RatesMode,
    grid: Grid,
    /// The first tick that was recorded, as soon as one was.
    oldest: AtomicU32,
    newest: AtomicU32,
    sums: ArcSwap<Sums>,
    process: ArcSwap<ProcessReading>,
    /// The most cache hits that were ever told.
    cache_hits: AtomicU64,
}

impl Statistics {
    /// Those of a broker that starts `now`.
    pub(crate) fn new(config: &Config, now: Timestamp) -> Self {
        let grid = Grid::new(config.statistics_interval);
        let oldest = grid.tick(now);
        Self {
            started_at: now,
            messages: History::default(),
            churn: History::default(),
            node: History::default(),
            auth_attempts: AuthAttempts::default(),
            traffic: TrafficTotals::default(),
            traffic_history: History::default(),
            rates_mode: config.rates_mode,
            grid,
            oldest: AtomicU32::new(oldest.number()),
            // Nothing is recorded yet.
            newest: AtomicU32::new(oldest.before().number()),
            sums: ArcSwap::default(),
            process: ArcSwap::default(),
            cache_hits: AtomicU64::new(0),
        }
    }

    /// Between which ticks something is known: what [`History::details`] wants to be told.
    pub fn moments(&self) -> Moments {
        Moments {
            grid: self.grid,
            oldest: self.oldest(),
            newest: self.newest().max(self.oldest()),
        }
    }

    /// What is to be recorded at `now`, and whether a minute has passed. `None` when it was already.
    pub(super) fn next_moments(&self, now: Timestamp) -> Option<(Moments, bool)> {
        let (last, newest) = (self.newest(), self.grid.tick(now));
        if last < self.oldest() {
            // Whatever is there by now did not change: it was found.
            let oldest = self.oldest().max(newest);
            self.oldest.store(oldest.number(), Ordering::Relaxed);
        }
        let minute = |tick| self.grid.time(tick).as_seconds() / 60;
        let moments = Moments {
            newest,
            ..self.moments()
        };
        (newest > last).then(|| (moments, minute(newest) > minute(last)))
    }

    fn oldest(&self) -> Tick {
        Tick::from_number(self.oldest.load(Ordering::Relaxed))
    }

    fn newest(&self) -> Tick {
        Tick::from_number(self.newest.load(Ordering::Relaxed))
    }

    /// Are rates and samples kept at all?
    pub fn has_rates(&self) -> bool {
        self.rates_mode != RatesMode::None
    }

    /// What the last tick found.
    pub fn sums(&self) -> Arc<Sums> {
        self.sums.load_full()
    }

    /// What the process used at the last tick.
    pub fn process(&self) -> ProcessReading {
        **self.process.load()
    }

    /// How many published messages went by a route that was known, and how many had theirs searched.
    pub fn route_cache(&self, totals: &BrokerTotals) -> (u64, u64) {
        let published = totals.publishing.read()[Kind::Publish];
        let searches = totals.route_searches.load(Ordering::Relaxed);
        // Both are not counted at the same moment, but neither answer may ever fall.
        let hits = published.saturating_sub(searches);
        let before = self.cache_hits.fetch_max(hits, Ordering::Relaxed);
        (hits.max(before), searches)
    }

    pub(super) fn publish(&self, newest: Tick, sums: Sums, mut process: ProcessReading) {
        self.sums.store(Arc::new(sums));
        // Those of threads that have ended are not told any more.
        let before = self.process().context_switches;
        process.context_switches = process.context_switches.max(before);
        self.process.store(Arc::new(process));
        self.newest.store(newest.number(), Ordering::Relaxed);
    }
}
