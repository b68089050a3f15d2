//! Kills the broker, starts it again, and looks for what it had promised to keep.
//!
//! Each round puts another load on it, ends it in another way, and compares what is there afterwards with
//! the ledger, which is kept here; before the start `ferrymq store verify` has to find nothing. Segments are
//! 4 MiB and a checkpoint comes every 2 MiB, so that every path is crossed. `FERRYMQ_CRASH_ROUNDS` says how
//! often (8 by default), or `FERRYMQ_CRASH_SECONDS` for how long; `FERRYMQ_SEED` repeats a run's choices.

mod order;
mod plan;

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferrymq_tests::Broker;
use ferrymq_tests::harness::{Options, program};
use ferrymq_tests::load::{Budget, Ledger, Load, Owed, Survey, complaint, places};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::plan::{Ending, Plan};

/// Small segments and frequent checkpoints.
const CONFIGURATION: &str = "
[store]
segment_bytes = \"4MiB\"
checkpoint_bytes = \"2MiB\"
";

#[test]
fn no_promise_is_broken_by_a_kill() {
    let (seed, budget) = Budget::from_environment("CRASH", 8);
    let mut random = SmallRng::seed_from_u64(seed);
    let mut victim = Victim {
        broker: Options::default().configuration(CONFIGURATION).start(),
        ledger: Arc::default(),
    };
    let (mut rounds, mut total) = (0, Survey::default());
    while budget.is_left(rounds) {
        let plan = Plan::choose(rounds, &mut random);
        let survey = victim.round(rounds, &plan, &mut random);
        println!("round {rounds}: {plan}: {survey:?}");
        total += survey;
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
    assert_eq!(
        complaint(&victim.broker.log()),
        None,
        "a kill damages nothing"
    );
}

/// What the broker says when it puts an unusable index aside,
const INDEX_LOST: &str = "the index is unusable and was moved aside";
/// and what is found until it has written the one that it made from the log.
const INDEX_TO_BE_WRITTEN: &str =
    "damaged: index: it is empty, although something was written to it";
/// So rarely it happens: seen once in some hundred rounds.
const MOST_LOST_INDEXES: usize = 2;

struct Victim {
    broker: Broker,
    ledger: Arc<Mutex<Ledger>>,
}

impl Victim {
    fn round(&mut self, round: u64, plan: &Plan, random: &mut SmallRng) -> Survey {
        let address = self.broker.amqp();
        places::declare(address);
        let load = Load::start(
            address,
            round,
            random.random(),
            &self.ledger,
            plan.mix.work(),
        );
        load.wait_for(plan.confirms);
        pause(plan.pause);
        self.end(plan);
        load.end();
        for &after in &plan.starts {
            self.broker.start_again_and_kill(after);
        }
        self.verify(round, plan);
        self.broker.start_again();
        let address = self.broker.amqp();
        let afterwards = |queue: &str, found| plan.afterwards(queue, found, random);
        let survey = Survey::take(address, &self.ledger, Owed::Confirmed, afterwards);
        survey.unwrap_or_else(|broken| panic!("round {round}, {plan}: {broken}"))
    }

    /// A kill leaves nothing damaged, as `ferrymq store verify` sees it; but for the index, which sled may find unusable
    /// when a kill hit its own start. The log has everything, and that must stay rare.
    fn verify(&self, round: u64, plan: &Plan) {
        let output = Command::new(program())
            .args(["store", "verify", "--data-dir"])
            .arg(self.broker.data_directory())
            .output()
            .expect("run the program");
        let said = String::from_utf8_lossy(&output.stdout);
        let lost_indexes = self.broker.log().matches(INDEX_LOST).count();
        let mut damages = said.lines().filter(|line| line.starts_with("damaged: "));
        let is_known = lost_indexes > 0 && damages.all(|line| line == INDEX_TO_BE_WRITTEN);
        assert!(
            (output.status.success() || is_known) && lost_indexes <= MOST_LOST_INDEXES,
            "round {round}, {plan}: {said}"
        );
    }

    fn end(&mut self, plan: &Plan) {
        match plan.ending {
            Ending::Kill => self.broker.kill(),
            Ending::StopAndKill(after) => self.broker.stop_and_kill(after),
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the broker's log:\n{}", self.broker.log());
        }
    }
}

/// A moment at random is what makes the kill hit anything at all.
fn pause(time: Duration) {
    std::thread::sleep(time);
}
