//! When messages are due, whatever the broker does: the open loop.
//!
//! A message that is sent late is still counted from when it was due. So a broker that stands still for
//! a second is seen in the latencies of all that should have been sent in this second, not in one.

use std::str::FromStr;

use super::parse;

/// A rate for some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Per second; 0 for a pause.
    rate: f64,
    /// Nanoseconds; infinite when nothing follows.
    span: f64,
}

impl Step {
    /// The one rate of a schedule that has no other.
    pub(super) fn forever(rate: f64) -> Self {
        Self {
            rate,
            span: f64::INFINITY,
        }
    }

    /// One of so many equal parts of the rate.
    pub(super) fn shared_by(self, parts: f64) -> Self {
        Self {
            rate: self.rate / parts,
            ..self
        }
    }

    /// Per second.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    fn count(&self) -> f64 {
        self.rate * self.span / 1e9
    }
}

impl FromStr for Step {
    type Err = &'static str;

    /// `RATE:TIME`; a time without a unit is seconds.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rate, span) = text.split_once(':').ok_or("it must be RATE:TIME")?;
        let rate = match rate {
            "0" => 0.0,
            rate => parse::rate(rate)?,
        };
        let span = parse::interval(span)?.as_nanos() as f64;
        Ok(Self { rate, span })
    }
}

/// Events at given rates, in a cycle: the first one at the start.
#[derive(Debug)]
pub(super) struct Schedule {
    start: u64,
    steps: Vec<Step>,
    /// Nanoseconds and events of the whole cycle.
    span: f64,
    count: f64,
}

impl Schedule {
    /// A schedule that starts at `start`; `None` without any step.
    pub(super) fn new(steps: Vec<Step>, start: u64) -> Option<Self> {
        (!steps.is_empty()).then(|| Self {
            start,
            span: steps.iter().map(|step| step.span).sum(),
            count: steps.iter().map(Step::count).sum(),
            steps,
        })
    }

    /// Starts again, at `now`.
    pub(super) fn restart(&mut self, now: u64) {
        self.start = now;
    }

    /// When the event number `index` is due.
    #[inline]
    pub(super) fn due_time(&self, index: u64) -> u64 {
        let (mut time, mut left) = (0.0, index as f64);
        if self.span.is_finite() {
            let cycles = (left / self.count).floor();
            time = cycles * self.span;
            left -= cycles * self.count;
        }
        for step in &self.steps {
            if step.rate > 0.0 && left < step.count() {
                time += left * 1e9 / step.rate;
                break;
            }
            time += step.span;
            left -= step.count();
        }
        self.start + time as u64
    }

    /// How many events are due at `now`.
    pub(super) fn due(&self, now: u64) -> u64 {
        let mut elapsed = now.saturating_sub(self.start) as f64;
        let mut count = 0.0;
        if self.span.is_finite() {
            let cycles = (elapsed / self.span).floor();
            count = cycles * self.count;
            elapsed -= cycles * self.span;
        }
        for step in &self.steps {
            if elapsed < step.span {
                count += elapsed * step.rate / 1e9;
                break;
            }
            count += step.count();
            elapsed -= step.span;
        }
        count as u64 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn schedule(texts: &[&str]) -> Schedule {
        let steps = texts.iter().map(|text| text.parse().unwrap()).collect();
        Schedule::new(steps, 7).unwrap()
    }

    #[test]
    fn a_steady_rate_knows_no_delay() {
        let schedule = Schedule::new(vec![Step::forever(1_000.0)], 7).unwrap();
        assert_eq!(schedule.due(0), 1);
        assert_eq!(schedule.due(7), 1);
        assert_eq!(schedule.due(7 + SECOND), 1_001);
        assert_eq!(schedule.due_time(0), 7);
        // However late it is sent, the thousandth is due after a second.
        assert_eq!(schedule.due_time(1_000), 7 + SECOND);
        assert_eq!(schedule.due_time(3_600_000), 7 + 3_600 * SECOND);
    }

    #[test]
    fn less_than_one_per_second() {
        let schedule = Schedule::new(vec![Step::forever(0.5)], 0).unwrap();
        assert_eq!(schedule.due(SECOND), 1);
        assert_eq!(schedule.due(2 * SECOND), 2);
        assert_eq!(schedule.due_time(3), 6 * SECOND);
    }

    #[test]
    fn rates_follow_each_other_in_a_cycle() {
        let schedule = schedule(&["100:2s", "0:1s", "10:1s"]);
        let check = |seconds: f64, due| {
            let now = 7 + (seconds * 1e9) as u64;
            assert_eq!(schedule.due(now), due, "{seconds}");
        };
        check(0.0, 1);
        check(1.0, 101);
        check(2.0, 201);
        check(2.9, 201);
        check(3.5, 206);
        check(4.0, 211);
        check(5.0, 311);
        assert_eq!(schedule.due_time(199), 7 + 1_990_000_000);
        assert_eq!(schedule.due_time(200), 7 + 3 * SECOND);
        assert_eq!(schedule.due_time(209), 7 + 3_900_000_000);
        assert_eq!(schedule.due_time(210), 7 + 4 * SECOND);
    }

    #[test]
    fn what_is_due_was_due_before() {
        let schedule = schedule(&["1000:3", "5:1ms", "777.7:100ms"]);
        for now in (7..20 * SECOND).step_by(99_999_989) {
            let due = schedule.due(now);
            assert!(schedule.due_time(due - 1) <= now + 1, "{now}");
            assert!(schedule.due_time(due + 1) > now, "{now}");
        }
    }

    #[test]
    fn wrong_steps() {
        for wrong in ["", "100", "100:", ":1s", "x:1s", "100:0", "-1:1s"] {
            assert!(Step::from_str(wrong).is_err(), "{wrong}");
        }
    }
}
