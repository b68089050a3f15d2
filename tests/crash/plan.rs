//! What a round does: its load, when it ends and how.

use std::fmt::{self, Display};
use std::time::Duration;

use ferrymq_tests::load::places::KEPT;
use ferrymq_tests::load::{Afterwards, Mix};
use rand::Rng;
use rand::rngs::SmallRng;

/// A queue with more messages than this is not left for the next round.
const LEFT_MESSAGES_MAX: usize = 60_000;
/// Among the messages that pass through, these stay, until there are so many.
const KEPT_MESSAGES_MAX: usize = 2_000;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Kill,
    /// The kill comes in the middle of an orderly stop.
    StopAndKill(Duration),
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) mix: Mix,
    /// The end comes after so many confirms,
    pub(crate) confirms: u64,
    /// and then so long.
    pub(crate) pause: Duration,
    pub(crate) ending: Ending,
    /// Starts which are killed too, after so long each.
    pub(crate) starts: Vec<Duration>,
}

impl Plan {
    pub(crate) fn choose(round: u64, random: &mut SmallRng) -> Self {
        let mix = Mix::of_round(round);
        let ending = match random.random_ratio(1, 4) {
            true => Ending::StopAndKill(milliseconds(random, 60)),
            false => Ending::Kill,
        };
        let starts = match random.random_ratio(1, 3) {
            true => random.random_range(1..4),
            false => 0,
        };
        Self {
            mix,
            confirms: random.random_range(mix.confirms()),
            pause: milliseconds(random, 20),
            ending,
            starts: (0..starts).map(|_| milliseconds(random, 300)).collect(),
        }
    }

    /// What becomes of the messages that were found.
    pub(crate) fn afterwards(
        &self,
        queue: &str,
        found: usize,
        random: &mut SmallRng,
    ) -> Afterwards {
        let leave = match queue {
            KEPT => found < KEPT_MESSAGES_MAX,
            _ => found < LEFT_MESSAGES_MAX && random.random_ratio(1, 3),
        };
        match leave {
            true => Afterwards::Leave,
            false => Afterwards::Take,
        }
    }
}

impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mix,
            confirms,
            pause,
            ending,
            starts,
        } = self;
        write!(f, "{mix:?}, {confirms} confirms and {pause:?}, {ending:?}")?;
        match starts.is_empty() {
            true => Ok(()),
            false => write!(f, ", killed again after {starts:?}"),
        }
    }
}

fn milliseconds(random: &mut SmallRng, below: u64) -> Duration {
    Duration::from_micros(random.random_range(0..below * 1_000))
}
