//! How long to go on.

use std::time::{Duration, Instant};

pub(crate) struct Budget {
    end: Instant,
}

impl Budget {
    /// One of `parts` equal shares of the time that the environment grants.
    #[expect(
        clippy::disallowed_methods,
        reason = "a bound in wall-clock time is what is asked for"
    )]
    pub(crate) fn share(parts: u32) -> Self {
        let seconds = match std::env::var("FERRYMQ_FUZZ_SECONDS") {
            Ok(text) => text.parse().expect("FERRYMQ_FUZZ_SECONDS: a number"),
            Err(_) => 4,
        };
        Self {
            end: Instant::now() + Duration::from_secs(seconds) / parts,
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a bound in wall-clock time is what is asked for"
    )]
    pub(crate) fn is_left(&self) -> bool {
        Instant::now() < self.end
    }
}
