//! Kills the broker under load, starts it again, and looks for what it had promised to keep.
//!
//! Several connections publish confirmed persistent messages, also to three queues at once, while
//! others consume and ack. The ledger, kept here, knows what was confirmed and what was acked.
//! `FERRYMQ_CRASH_ROUNDS` says how often (3 by default), `FERRYMQ_SEED` repeats a run.
//!
//! With `FERRYMQ_TEST_AMQP=host:port` a running broker is used and only connections are cut.

mod ledger;
mod load;
mod survey;
mod victim;

use std::sync::{Arc, Mutex};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::ledger::Ledger;
use crate::load::Load;
use crate::victim::Victim;

/// What a round does with the messages that it found.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Afterwards {
    /// They stay, and have to survive the next crash too.
    Leave,
    Take,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_confirmed_message_is_lost() {
    let rounds = number("FERRYMQ_CRASH_ROUNDS").unwrap_or(3);
    let seed = number("FERRYMQ_SEED").unwrap_or_else(|| rand::rng().random());
    println!("{rounds} rounds, FERRYMQ_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut victim = Victim::start();
    load::declare(&victim.connect().await).await;
    for round in 0..rounds {
        let load = Load::start(&victim, round, random.random(), &ledger).await;
        let enough = random.random_range(1..6_000);
        load.wait_for_confirms(enough).await;
        victim.kill();
        load.end().await;
        while random.random_ratio(1, 4) {
            victim.kill();
        }
        let afterwards = match random.random_ratio(1, 3) {
            true => Afterwards::Leave,
            false => Afterwards::Take,
        };
        let found = survey::check(&victim, round, afterwards, &ledger).await;
        println!(
            "round {round}: killed after {enough} confirms, {found} messages found, {afterwards:?}"
        );
    }
    let broken = victim
        .log()
        .lines()
        .filter(|line| line.contains("panicked"))
        .count();
    assert_eq!(broken, 0, "the broker panicked:\n{}", victim.log());
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
    )
}
