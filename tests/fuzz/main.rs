//! Hostile bytes from a seed: into the codec, and into the running broker as whole sessions.
//!
//! `FERRYMQ_FUZZ_SECONDS` says for how long, together (4 by default). A failure prints the seed of
//! its case; `FERRYMQ_SEED` set to it begins with that case.

mod budget;
mod codec;
mod mutation;
mod script;
mod session;
mod vitals;

use rand::Rng;

#[test]
fn the_codec_neither_panics_nor_contradicts_itself() {
    let cases = codec::run(seed());
    println!("{cases} cases");
}

#[test]
fn the_broker_neither_panics_nor_keeps_memory() {
    let sessions = session::run(seed());
    println!("{sessions} sessions");
}

fn seed() -> u64 {
    let seed = match std::env::var("FERRYMQ_SEED") {
        Ok(seed) => seed
            .parse()
            .unwrap_or_else(|_| panic!("FERRYMQ_SEED={seed}: not a number")),
        Err(_) => rand::rng().random(),
    };
    println!("FERRYMQ_SEED={seed}");
    seed
}

/// Names the case at work when it panics.
struct Case(u64);

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the case at work: FERRYMQ_SEED={}", self.0);
        }
    }
}
