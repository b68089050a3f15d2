//! How long a message that came back waits before it is handed out again.
//!
//! Two ways to ask for it: a delay that grows by a factor (`retry-delay`, `retry-backoff`,
//! `retry-max-delay`), or one that grows by itself (`delayed-retry-type`, `-min`, `-max`). The first
//! counts when a queue has both.

use std::time::Duration;

use crate::queue::options::{DelayedRetry, Options};
use crate::queue::paged::Returned;

/// When nothing says how long a delay may become.
const MAX_DELAY_MS: u64 = 315_360_000_000;

/// A delay before a message is handed out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    which: DelayedRetry,
    first_ms: u64,
    growth: Growth,
    max_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Growth {
    /// Each delay is so many times the one before.
    Times(u64),
    /// The n-th failure waits n times as long as the first.
    PerFailure,
}

impl Retry {
    /// What `options` ask for.
    pub fn new(options: &Options) -> Option<Self> {
        let ms = |span: Duration| span.as_millis() as u64;
        if let Some(delay) = options.retry_delay {
            return Some(Self {
                which: DelayedRetry::All,
                first_ms: ms(delay),
                growth: Growth::Times(options.retry_backoff.unwrap_or(1)),
                max_ms: options.retry_max_delay.map_or(MAX_DELAY_MS, ms),
            });
        }
        let which = options.delayed_retry.unwrap_or_default();
        if which == DelayedRetry::Disabled {
            return None;
        }
        Some(Self {
            which,
            first_ms: ms(options.delayed_retry_min?),
            growth: Growth::PerFailure,
            max_ms: options.delayed_retry_max.map_or(MAX_DELAY_MS, ms),
        })
    }

    /// How long a message waits that has just come back, which counts in `returned` already;
    /// `failed`: it was no mere giving back.
    pub fn delay(&self, returned: Returned, failed: bool) -> Option<Duration> {
        let applies = match self.which {
            DelayedRetry::Disabled => false,
            DelayedRetry::All => true,
            DelayedRetry::Failed => failed,
            DelayedRetry::Returned => !failed,
        };
        let factor = match self.growth {
            Growth::Times(factor) => factor.saturating_pow(u32::from(returned.returns.max(1)) - 1),
            Growth::PerFailure => u64::from(returned.failures.max(1)),
        };
        let delay_ms = self.first_ms.saturating_mul(factor).min(self.max_ms);
        applies.then(|| Duration::from_millis(delay_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Option<Duration> {
        Some(Duration::from_millis(milliseconds))
    }

    fn delay(options: &Options, returns: u16, failures: u16, failed: bool) -> Option<Duration> {
        let returned = Returned { returns, failures };
        Retry::new(options)?.delay(returned, failed)
    }

    #[test]
    fn a_delay_stays_the_same_or_grows_by_a_factor() {
        let mut options = Options {
            retry_delay: ms(100),
            ..Options::default()
        };
        assert_eq!(delay(&options, 1, 0, false), ms(100));
        assert_eq!(delay(&options, 9, 9, true), ms(100));
        options.retry_backoff = Some(3);
        assert_eq!(delay(&options, 1, 1, true), ms(100));
        assert_eq!(delay(&options, 3, 1, true), ms(900));
        assert_eq!(delay(&options, u16::MAX, 1, true), ms(MAX_DELAY_MS));
        options.retry_max_delay = ms(500);
        assert_eq!(delay(&options, 2, 1, true), ms(300));
        assert_eq!(delay(&options, 3, 1, true), ms(500));
    }

    #[test]
    fn a_delay_grows_with_the_failures() {
        let options = |which| Options {
            delayed_retry: Some(which),
            delayed_retry_min: ms(100),
            delayed_retry_max: ms(250),
            ..Options::default()
        };
        let all = options(DelayedRetry::All);
        assert_eq!(delay(&all, 1, 0, false), ms(100));
        assert_eq!(delay(&all, 2, 2, true), ms(200));
        assert_eq!(delay(&all, 3, 3, true), ms(250));
        let failed = options(DelayedRetry::Failed);
        assert_eq!(delay(&failed, 1, 0, false), None);
        assert_eq!(delay(&failed, 1, 1, true), ms(100));
        let returned = options(DelayedRetry::Returned);
        assert_eq!(delay(&returned, 1, 0, false), ms(100));
        assert_eq!(delay(&returned, 1, 1, true), None);
        assert_eq!(delay(&options(DelayedRetry::Disabled), 1, 1, true), None);
    }

    #[test]
    fn nothing_asked_is_no_delay() {
        assert_eq!(Retry::new(&Options::default()), None);
        let without_min = Options {
            delayed_retry: Some(DelayedRetry::All),
            ..Options::default()
        };
        assert_eq!(Retry::new(&without_min), None);
    }
}
