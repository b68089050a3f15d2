//! Moments for people to read.

use std::time::Duration;

use ferrymq_broker::clock::{self, Timestamp};

use crate::http::Site;

const DAY_MS: u64 = 86_400_000;
/// An object is idle when so many ticks have found nothing new.
const IDLE_TICKS: u32 = 2;

/// Since when an object that changed last at `changed_at` is idle; `None`: it is not.
pub(super) fn idle_since(site: &Site, changed_at: Option<Timestamp>) -> Option<String> {
    let changed_at = changed_at?;
    let idle: Duration = clock::now().since(changed_at);
    let busy = IDLE_TICKS * site.broker.config().statistics_interval;
    (idle >= busy).then(|| rfc3339(changed_at))
}

/// `2026-11-20T11:50:59.509+00:00`
pub(crate) fn rfc3339(moment: Timestamp) -> String {
    let millis = moment.as_millis();
    let (year, month, day) = date(millis / DAY_MS);
    let in_day = millis % DAY_MS;
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, milli) = (in_day / 1_000 % 60, in_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}+00:00")
}

/// Year, month and day of the day number `days` since the first of 1970. Years begin in March here, so that a
/// leap day is a year's last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(millis: u64, expected: &str) {
        assert_eq!(rfc3339(Timestamp::from_millis(millis)), expected);
    }

    #[test]
    fn moments_are_dates() {
        check(0, "1970-01-01T00:00:00.000+00:00");
        check(951_782_400_000, "2000-02-29T00:00:00.000+00:00");
        check(1_795_175_459_509, "2026-11-20T11:50:59.509+00:00");
        check(4_107_542_399_999, "2100-02-28T23:59:59.999+00:00");
        check(4_107_542_400_000, "2100-03-01T00:00:00.000+00:00");
    }
}
