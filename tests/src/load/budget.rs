//! How long a test with rounds goes on, and the seed of its choices.

use std::time::{Duration, Instant};

/// A number of rounds, or a time.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    start: Instant,
    rounds: u64,
    time: Option<Duration>,
}

impl Budget {
    /// What `FERRYMQ_NAME_ROUNDS` or `FERRYMQ_NAME_SECONDS` says, or `rounds`; and `FERRYMQ_SEED`, or a new
    /// seed.
    #[expect(
        clippy::disallowed_methods,
        reason = "a bound in wall-clock time is what is asked for"
    )]
    pub fn from_environment(name: &str, rounds: u64) -> (u64, Self) {
        let seed = number("FERRYMQ_SEED").unwrap_or_else(rand::random);
        println!("FERRYMQ_SEED={seed}");
        let time = number(&format!("FERRYMQ_{name}_SECONDS"));
        let budget = Self {
            start: Instant::now(),
            rounds: number(&format!("FERRYMQ_{name}_ROUNDS")).unwrap_or(rounds),
            time: time.map(Duration::from_secs),
        };
        (seed, budget)
    }

    /// Whether another round is wanted after so many.
    pub fn is_left(&self, done: u64) -> bool {
        match self.time {
            Some(time) => self.start.elapsed() < time,
            None => done < self.rounds,
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}
