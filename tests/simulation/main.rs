//! A whole broker in one thread: sessions, vhosts, queues and the store, on a simulated disk, with simulated
//! clients, wires and clock, from a seed that a failure prints.
//!
//! `FERRYMQ_SIMULATION_SECONDS` says how long to go on (3 by default), `FERRYMQ_SIMULATION_FROM` from which
//! seed on (0), so that a run can be repeated. `FERRYMQ_SEED` runs that seed alone and prints every step.

mod asks;
mod body;
mod client;
mod crashes;
mod dice;
mod features;
mod frames;
mod link;
mod machine;
mod model;
mod plan;
mod trace;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::model::Counts;
use crate::world::World;

/// How long to go on if nobody says.
const SECONDS: u64 = 3;

/// Runs a seed with at most `limit` steps; gives the hash of its history.
fn run(seed: u64, limit: usize, print: bool) -> Result<(u64, Counts), Vec<String>> {
    let mut world = None;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let world = world.insert(World::new(seed, print));
        world.run(limit);
    }));
    let Some(world) = world else {
        return Err(vec!["the first start failed".to_owned()]);
    };
    match outcome {
        Ok(()) => Ok((world.trace.hash(), world.model.counts)),
        Err(_) => Err(world.trace.last_lines().cloned().collect()),
    }
}

/// Runs a seed, and fails with what is needed to look into it; `before` others have passed.
fn check(seed: u64, before: u64) -> Counts {
    match run(seed, usize::MAX, false) {
        Ok((_, counts)) => counts,
        Err(lines) => panic!(
            "seed {seed} failed, {before} others passed. Its last steps:\n{}\nrepeat it with: \
             FERRYMQ_SEED={seed} cargo test --package ferrymq-tests --test simulation one_seed",
            lines.join("\n")
        ),
    }
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().expect("a number"))
}

/// The time since the start of the test; what is tested has its own clock.
#[expect(clippy::disallowed_methods, reason = "how long the test takes")]
fn deadline() -> impl Fn() -> bool {
    let seconds = number("FERRYMQ_SIMULATION_SECONDS").unwrap_or(SECONDS);
    let start = std::time::Instant::now();
    move || start.elapsed() < Duration::from_secs(seconds)
}

#[test]
fn many_seeds() {
    let goes_on = deadline();
    let first = number("FERRYMQ_SIMULATION_FROM").unwrap_or(0);
    let (mut seeds, mut total) = (0, Counts::default());
    while goes_on() {
        total.add(check(first + seeds, seeds));
        seeds += 1;
    }
    println!("{seeds} seeds from {first}, {total:?}");
}

#[test]
fn one_seed() {
    if let Some(seed) = number("FERRYMQ_SEED") {
        let limit = number("FERRYMQ_STEPS").map_or(usize::MAX, |steps| steps as usize);
        if run(seed, limit, true).is_err() {
            panic!("seed {seed} failed");
        }
    }
}

/// Runs a seed with the queues' features; gives its last steps if it fails.
fn run_features(seed: u64, print: bool) -> Result<(), Vec<String>> {
    let mut world = None;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        world.insert(features::World::new(seed, print)).run();
    }));
    let lines = world.map(|world| world.trace.last_lines().cloned().collect());
    outcome.map_err(|_| lines.unwrap_or_default())
}

#[test]
fn many_seeds_with_features() {
    let goes_on = deadline();
    let first = number("FERRYMQ_SIMULATION_FROM").unwrap_or(0);
    let mut seeds = 0;
    while goes_on() {
        let seed = first + seeds;
        if let Err(lines) = run_features(seed, false) {
            panic!(
                "seed {seed} failed, {seeds} others passed. Its last steps:\n{}\nrepeat it with: \
                 FERRYMQ_SEED={seed} cargo test --package ferrymq-tests --test simulation \
                 one_seed_with_features",
                lines.join("\n")
            );
        }
        seeds += 1;
    }
    println!("{seeds} seeds from {first}");
}

#[test]
fn one_seed_with_features() {
    if let Some(seed) = number("FERRYMQ_SEED") {
        assert!(run_features(seed, true).is_ok(), "seed {seed} failed");
    }
}

#[test]
fn a_seed_is_always_the_same_history() {
    for seed in 0..10 {
        let (once, _) = run(seed, 400, false).expect("passes");
        let (again, _) = run(seed, 400, false).expect("passes");
        assert_eq!(once, again, "seed {seed}");
    }
}
