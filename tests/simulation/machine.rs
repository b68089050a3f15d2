//! A machine: its disk, its clock, and the broker that runs on it.

use std::sync::Arc;

use ferrymq_broker::clock::Timestamp;
use ferrymq_broker::config::Watermark;
use ferrymq_broker::{Broker, Config};
use ferrymq_store::{Fault, Options, SimulatedDisk, Steps};

use crate::dice::Dice;
use crate::plan::Plan;

/// The vhost that everything happens in.
pub(crate) const VHOST: &str = "/";

/// After so many writes a disk that was full takes everything.
const WRITES: usize = 10;

/// One machine with one broker.
pub(crate) struct Machine {
    pub(crate) disk: SimulatedDisk,
    pub(crate) broker: Arc<Broker>,
    pub(crate) store: Steps,
    pub(crate) now: Timestamp,
    /// The broker was started after a clean stop.
    pub(crate) clean: bool,
    config: Config,
    options: Options,
}

impl Machine {
    /// A new machine with an empty disk.
    pub(crate) fn new(plan: &Plan) -> Self {
        let options = Options {
            segment_bytes: plan.segment_bytes,
            congested_bytes: plan.congested_bytes,
            pending_limit_bytes: usize::MAX,
            reserve_bytes: 4 * 1024,
            ..Options::default()
        };
        let config = Config {
            queue_memory: Watermark::Absolute(plan.queue_memory_bytes),
            ..Config::default()
        };
        let disk = SimulatedDisk::new();
        let now = Timestamp::from_millis(1_000_000);
        Self::start(disk, options, config, now).expect("an empty disk is enough")
    }

    /// Starts the broker on what is on the disk.
    fn start(
        disk: SimulatedDisk,
        options: Options,
        config: Config,
        now: Timestamp,
    ) -> Result<Self, String> {
        let (store, steps, recovered) =
            ferrymq_store::Store::open_simulated(&disk, options.clone())
                .map_err(|why| why.to_string())?;
        let clean = recovered.clean;
        let broker = Broker::with_store(config.clone(), store, recovered, now)
            .map_err(|why| why.to_string())?;
        Ok(Self {
            disk,
            broker,
            store: steps,
            now,
            clean,
            config,
            options,
        })
    }

    /// Starts the broker again on `disk`.
    pub(crate) fn restart_on(&mut self, disk: SimulatedDisk) {
        *self = Self::start(disk, self.options.clone(), self.config.clone(), self.now)
            .expect("a broker starts on whatever a crash left");
    }

    /// Starts the broker on `disk`, which fails after so many writes: whatever comes of it.
    pub(crate) fn try_start(&self, disk: SimulatedDisk, operations: u64) {
        disk.fail_after(operations, Fault::Broken);
        if let Ok(mut started) =
            Self::start(disk, self.options.clone(), self.config.clone(), self.now)
        {
            started.store.commit();
            started.store.checkpoint();
        }
    }

    /// What a power loss leaves: each unsynced sector and name as the dice have it.
    pub(crate) fn disk_after_power_loss(disk: &SimulatedDisk, dice: &mut Dice) -> SimulatedDisk {
        let kept = [0, 5, 50, 95, 100][dice.below(5)];
        let mut dice = dice.split();
        disk.crash(|| dice.percent(kept))
    }

    /// What the kill of the process leaves: everything that was written.
    pub(crate) fn disk_after_kill(&self) -> SimulatedDisk {
        self.disk.crash(|| true)
    }

    /// What the store's threads do before they end.
    pub(crate) fn write_everything(&mut self) {
        self.commit_all();
        self.store.checkpoint();
    }

    /// What the broker's own tasks would do now: paging, reading on, waking queues. Tells whether there was
    /// anything.
    pub(crate) fn run_due(&self) -> bool {
        let paging = self.broker.paging();
        let paged = paging.run_due(&self.broker, self.now);
        let woken = self.broker.timers().run_due(&self.broker, self.now);
        paging.transfers().run_due(&self.broker, self.now) || woken || paged
    }

    /// Commits what is pending, also what there was no room for until now.
    pub(crate) fn commit_all(&mut self) {
        self.store.commit();
        for _ in 0..WRITES {
            if !self.broker.store().statistics().disk_full {
                break;
            }
            self.store.commit();
            self.store.checkpoint();
        }
    }

    /// Records of the log found damaged since the broker was started.
    pub(crate) fn damaged_records(&self) -> u64 {
        self.broker.store().statistics().damaged_records
    }

    /// Nothing is written any more.
    pub(crate) fn has_failed(&self) -> bool {
        self.broker.store().failure().is_some()
    }
}
