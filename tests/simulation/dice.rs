//! Chance, from a seed.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// The only source of chance in a run.
pub(crate) struct Dice(SmallRng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// A number from 0 to below `end`, which must not be 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// A number from `low` to `high`.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        self.0.random_range(low..=high)
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, chance: u32) -> bool {
        self.0.random_ratio(chance, 100)
    }

    /// One of `choices`; `None` when there are none.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        (!choices.is_empty()).then(|| &choices[self.below(choices.len())])
    }

    /// One of `choices`, each as likely as its weight says.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(T, u32)]) -> T {
        let total: u32 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.0.random_range(0..total);
        for &(choice, weight) in choices {
            if left < weight {
                return choice;
            }
            left -= weight;
        }
        unreachable!("less than the total was drawn")
    }

    /// Dice of their own, so that what they decide does not depend on how often they are asked.
    pub(crate) fn split(&mut self) -> Self {
        Self(SmallRng::from_rng(&mut self.0))
    }
}
