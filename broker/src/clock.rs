//! Time as a value, and the only place of this crate that reads the system's clock.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch. A plain number, so that tests write `at(60)` and deadlines
/// outlive a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Later than everything.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `milliseconds` after the Unix epoch.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch; wraps in 2106, good enough for ages.
    pub const fn as_seconds(self) -> u32 {
        (self.0 / 1_000) as u32
    }

    /// The same in four bytes, for ages.
    #[inline]
    pub const fn compact(self) -> CompactTimestamp {
        CompactTimestamp((self.0 / CompactTimestamp::UNIT_MS) as u32)
    }

    /// The moment `span` later; saturates.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.as_millis() as u64))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A [`Timestamp`] in four bytes, for what there are many of. It tells ages of up to 248 days, to a hundredth of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactTimestamp(u32);

impl CompactTimestamp {
    const UNIT_MS: u64 = 10;

    /// How long ago it was, in whole hundredths of a second; 0 when it lies ahead.
    #[inline]
    pub fn age_ms(self, now: Self) -> u64 {
        // It wraps, which a difference does not mind.
        let age = now.0.wrapping_sub(self.0).cast_signed();
        u64::from(age.max(0).cast_unsigned()) * Self::UNIT_MS
    }

    /// The same.
    pub fn age(self, now: Timestamp) -> Duration {
        Duration::from_millis(self.age_ms(now.compact()))
    }
}

/// Where the monotonic clock stood when the wall clock was read, once.
static ANCHOR: LazyLock<(Instant, Timestamp)> = LazyLock::new(anchor);

#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
fn anchor() -> (Instant, Timestamp) {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    let wall = Timestamp(elapsed.unwrap_or_default().as_millis() as u64);
    (Instant::now(), wall)
}

/// Reads the clock: wall time at start, going on monotonically, so that setting the system's
/// clock disturbs no deadline. Called once per batch of work, never per message.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub fn now() -> Timestamp {
    let (start, wall) = *ANCHOR;
    wall.after(Instant::now().duration_since(start))
}

/// A span for people. Compat: RabbitMQ writes days, hours, minutes and seconds so: `1D, 2H, 3M, 4s`.
pub fn spoken(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds == 0 {
        return format!("{}ms", span.as_millis());
    }
    let parts = [
        (seconds / 86_400, "D"),
        (seconds / 3_600 % 24, "H"),
        (seconds / 60 % 60, "M"),
        (seconds % 60, "s"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts = parts.map(|(count, unit)| format!("{count}{unit}"));
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_take_four_bytes() {
        let check = |sent_at_ms: u64, now_ms: u64, age_ms: u64| {
            let [sent_at, now] = [sent_at_ms, now_ms].map(Timestamp::from_millis);
            assert_eq!(sent_at.compact().age(now), Duration::from_millis(age_ms));
        };
        let wraps_at = (1 << 32) * CompactTimestamp::UNIT_MS;
        let days = |count: u64| count * 86_400_000;
        check(0, 0, 0);
        check(1_009, 1_011, 10);
        check(1_000, 3_250, 2_250);
        check(3_250, 1_000, 0);
        check(wraps_at - 10, wraps_at + 20, 30);
        check(wraps_at + 20, wraps_at - 10, 0);
        check(1_795_176_755_000, 1_795_176_755_000 + days(248), days(248));
    }

    #[test]
    fn spans_are_spoken_in_few_words() {
        let check = |millis: u64, text: &str| {
            assert_eq!(spoken(Duration::from_millis(millis)), text);
        };
        check(0, "0ms");
        check(999, "999ms");
        check(62_000, "1M, 2s");
        check(93_784_000, "1D, 2H, 3M, 4s");
        check(3_600_000, "1H");
    }

    #[test]
    fn spans_saturate() {
        let at = Timestamp::from_millis;
        assert_eq!(at(60).after(Duration::from_millis(5)), at(65));
        assert_eq!(at(60).since(at(70)), Duration::ZERO);
        assert_eq!(at(u64::MAX).after(Duration::from_secs(1)), at(u64::MAX));
    }
}
