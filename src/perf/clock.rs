//! The load generator's clock.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since the Unix epoch, never running backwards: what messages carry, so that a message
/// published by one run and consumed by a later one tells how long it lay.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where perf reads the clock"
)]
pub(super) fn now() -> u64 {
    static START: OnceLock<(Instant, u64)> = OnceLock::new();
    let (instant, epoch) = START.get_or_init(|| {
        let epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        (Instant::now(), epoch.as_nanos() as u64)
    });
    epoch + instant.elapsed().as_nanos() as u64
}

/// The time from `earlier` to `later`, in nanoseconds; zero when it is the other way round.
pub(super) fn between(earlier: u64, later: u64) -> Duration {
    Duration::from_nanos(later.saturating_sub(earlier))
}
