//! Cuts the power under a loaded broker, and looks for what it had promised to keep.
//!
//! The broker works on an ext4 of its own. At a random moment the device is frozen and copied, and a broker
//! is started on the copy: whatever was confirmed or answered has to be there, though the page cache is
//! gone. Two more tests show that this one can fail, and one looks at a disk that can't be written. `FERRYMQ_POWER_CUT_ROUNDS` says how often (3 by
//! default), or `FERRYMQ_POWER_CUT_SECONDS` for how long; `FERRYMQ_SEED` repeats a run's choices.
//!
//! What the device was given but not told to flush is in the copy: a missing flush of the device's own
//! cache does not show here.

mod disk;

use std::fs::{self, File};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferrymq_tests::Broker;
use ferrymq_tests::harness::Options;
use ferrymq_tests::load::{Afterwards, Budget, Ledger, Load, Mix, Owed, Survey, complaint, places};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::disk::Disk;

/// Small segments and frequent checkpoints.
const CONFIGURATION: &str = "
[store]
segment_bytes = \"4MiB\"
checkpoint_bytes = \"2MiB\"
";
/// Rounds in which a broker that does not sync has to be caught.
const CONTROL_ROUNDS: u64 = 30;

#[test]
fn no_promise_is_broken_by_a_power_cut() {
    if is_left_out() {
        return;
    }
    let (seed, budget) = Budget::from_environment("POWER_CUT", 3);
    let mut random = SmallRng::seed_from_u64(seed);
    let mut victim = Victim::start(CONFIGURATION);
    let (mut rounds, mut total) = (0, Survey::default());
    while budget.is_left(rounds) {
        let survey = victim.round(rounds, &mut random);
        total += survey.unwrap_or_else(|broken| panic!("round {rounds}: {broken}"));
        rounds += 1;
    }
    let Survey {
        found,
        promised,
        objects,
    } = total;
    println!(
        "{rounds} rounds, FERRYMQ_SEED={seed}: {promised} promised messages checked, {found} read, \
         {objects} definitions checked"
    );
}

#[test]
fn a_broker_that_does_not_sync_is_caught() {
    if is_left_out() {
        return;
    }
    let mut random = SmallRng::seed_from_u64(1);
    // Checkpoints sync, too: with the usual ones they are a second apart.
    let configuration = "[store]\ndurability = \"relaxed\"\n";
    let caught = (0..CONTROL_ROUNDS).any(|round| {
        let survey = Victim::start(configuration).round(round, &mut random);
        survey.is_err_and(|broken| broken.contains("and is missing"))
    });
    assert!(caught, "nothing was lost without a sync");
}

#[test]
fn only_what_was_synced_survives_a_cut() {
    if is_left_out() {
        return;
    }
    let mut disk = Disk::create();
    let write = |name| {
        let mut file = File::create(disk.root().join(name)).expect("create a file");
        file.write_all(b"cargo").expect("write");
        file
    };
    write("synced").sync_data().expect("sync");
    write("not synced");
    disk.cut();
    disk.restore();
    let read = |name| fs::read(disk.root().join(name)).unwrap_or_default();
    assert_eq!(read("synced"), b"cargo");
    assert_ne!(read("not synced"), b"cargo");
}

#[test]
fn a_read_only_disk_is_refused() {
    if is_left_out() {
        return;
    }
    let disk = Disk::create();
    let options = Options::default().data_directory(&disk.root().join("data"));
    options.clone().start().stop();
    disk.make_read_only();
    let refused = options.try_start();
    let (status, log) = refused.expect_err("a start that can't write");
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("lock: Read-only file system"), "{log}");
}

struct Victim {
    // The broker goes first: it uses the disk.
    broker: Broker,
    disk: Disk,
    ledger: Arc<Mutex<Ledger>>,
}

impl Victim {
    fn start(configuration: &str) -> Self {
        let disk = Disk::create();
        let options = Options::default().configuration(configuration);
        Self {
            broker: options.data_directory(&disk.root().join("data")).start(),
            disk,
            ledger: Arc::default(),
        }
    }

    fn round(&mut self, round: u64, random: &mut SmallRng) -> Result<Survey, String> {
        let mix = Mix::of_round(round);
        let confirms = random.random_range(mix.confirms());
        let pause = Duration::from_millis(random.random_range(0..50));
        let address = self.broker.amqp();
        places::declare(address);
        let load = Load::start(address, round, random.random(), &self.ledger, mix.work());
        load.wait_for(confirms);
        // The cut comes at any moment. What is answered from then on is no promise: nobody would hear it.
        std::thread::sleep(pause);
        self.ledger.lock().expect("the ledger").freeze();
        self.disk.cut();
        self.broker.kill();
        load.end();
        self.disk.restore();
        let logged = self.broker.log().len();
        self.broker.start_again();
        let afterwards = |_: &str, _| match random.random() {
            true => Afterwards::Take,
            false => Afterwards::Leave,
        };
        let address = self.broker.amqp();
        let survey = Survey::take(address, &self.ledger, Owed::Nothing, afterwards);
        let log = self.broker.log().split_off(logged);
        let survey = survey.map_err(|broken| format!("{mix:?}: {broken}\n{log}"))?;
        println!("round {round}: {mix:?}, {confirms} confirms and {pause:?}: {survey:?}");
        match complaint(&log) {
            Some(line) => Err(format!("{mix:?}: a power cut is no damage: {line}")),
            None => Ok(survey),
        }
    }
}

fn is_left_out() -> bool {
    match std::env::var("FERRYMQ_POWER_CUT") {
        Ok(text) if text == "skip" => {
            println!("left out: FERRYMQ_POWER_CUT=skip");
            true
        }
        Ok(text) => panic!("FERRYMQ_POWER_CUT={text}: the only value is skip"),
        Err(_) => false,
    }
}
