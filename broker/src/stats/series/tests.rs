//! Series against a list of everything that was recorded, and what they cost.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Test {
    Publish,
    Ack,
    Ready,
}

impl Field for Test {
    fn movement(self) -> Movement {
        match self {
            Self::Publish | Self::Ack => Movement::Counter,
            Self::Ready => Movement::Gauge,
        }
    }
}

const FIELDS: [Test; 3] = [Test::Publish, Test::Ack, Test::Ready];
/// A moment that no step divides.
const START: Tick = Tick(350_000_003);

fn every(seconds: u64) -> Grid {
    Grid::new(Duration::from_secs(seconds))
}

/// What every field was at every tick.
struct Naive {
    moments: Moments,
    born: Tick,
    values: BTreeMap<(Test, u32), u64>,
}

impl Naive {
    fn at(&self, field: Test, tick: u32) -> u64 {
        let newest = self.values.range((field, 0)..=(field, tick)).next_back();
        let newest = newest.map(|(_, value)| *value);
        let oldest = self.values.get(&(field, self.moments.oldest.0)).copied();
        newest.or(oldest).unwrap_or(0)
    }

    fn rate(&self, fields: &[Test]) -> f64 {
        let newest = self.moments.newest.0;
        let before = |field| match newest > self.born.0 {
            true => self.at(field, newest - 1),
            false => self.at(field, newest),
        };
        let changes = fields
            .iter()
            .map(|field| self.at(*field, newest) as f64 - before(*field) as f64);
        changes.sum::<f64>() / self.moments.grid.interval().as_secs_f64()
    }

    /// The samples of the whole range, whether or not anybody can still know them.
    fn samples(&self, fields: &[Test], age: u64, increment: u64, step: u64) -> Vec<Sample> {
        let tick_ms = self.moments.grid.interval().as_millis() as u64;
        let (oldest, newest) = (self.moments.oldest.0, self.moments.newest.0);
        let last = u64::from(newest) * tick_ms / 1_000 / increment * increment;
        let mut samples = Vec::new();
        for back in 0..=age / increment {
            let second = last - back * increment;
            if second * 1_000 < u64::from(oldest) * tick_ms {
                break;
            }
            // The first tick in the same slot as the last tick before this moment.
            let tick = second * 1_000 / tick_ms;
            let step_ms = (step * 1_000).max(tick_ms);
            let slot = tick * tick_ms / step_ms;
            let tick = (slot * step_ms).div_ceil(tick_ms) as u32;
            let sample = fields.iter().map(|field| self.at(*field, tick)).sum();
            let timestamp = second * 1_000;
            samples.push(Sample { timestamp, sample });
        }
        samples
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// So many ticks pass in which fields change every time.
    Busy {
        ticks: u32,
        publish: u64,
        ready: u64,
    },
    /// So many pass in which nothing is recorded.
    Idle {
        ticks: u32,
    },
    Reach(Reach),
    Shrink,
}

fn step() -> impl Strategy<Value = Step> {
    let rate = prop_oneof![0_u64..3, 0_u64..10_000, 0_u64..1 << 40];
    prop_oneof![
        4 => (1_u32..200, rate, 0_u64..1_000).prop_map(|(ticks, publish, ready)| Step::Busy { ticks, publish, ready }),
        3 => prop_oneof![1_u32..30, 1_u32..3_000].prop_map(|ticks| Step::Idle { ticks }),
        1 => prop_oneof![Just(Reach::Fine), Just(Reach::Middle), Just(Reach::Coarse)].prop_map(Step::Reach),
        1 => Just(Step::Shrink),
    ]
}

/// Runs `steps` on both, with an object that is there from the start, or comes later.
fn run(grid: Grid, late: u32, steps: &[Step]) -> (Series<Test>, Naive) {
    let born = Tick(START.0 + late);
    let mut series = Series::new(born, Reach::Coarse);
    let mut naive = Naive {
        moments: Moments {
            grid,
            oldest: START,
            newest: born,
        },
        born,
        values: BTreeMap::new(),
    };
    let mut now = START.0 + late;
    let (mut published, mut acked) = (0, 0);
    for step in steps {
        match *step {
            Step::Busy {
                ticks,
                publish,
                ready,
            } => {
                for round in 0..u64::from(ticks) {
                    // The first tick records what an object that was there from the start is born with.
                    now += u32::from(late > 0 || !naive.values.is_empty());
                    published += publish + round % 3;
                    acked += publish / 2 + round % 2;
                    let ready = ready.saturating_sub(round % 5);
                    for (field, value) in [
                        (Test::Publish, published),
                        (Test::Ack, acked),
                        (Test::Ready, ready),
                    ] {
                        series.record(grid, Tick(now), field, value);
                        naive.values.insert((field, now), value);
                    }
                }
            }
            Step::Idle { ticks } if !naive.values.is_empty() => now += ticks,
            Step::Idle { .. } => {}
            Step::Reach(reach) => series.set_reach(grid, reach),
            Step::Shrink => series.shrink(grid, Tick(now)),
        }
    }
    naive.moments.newest = Tick(now);
    (series, naive)
}

proptest! {
    #[test]
    fn what_it_knows_is_what_was_recorded(
        seconds in prop_oneof![Just(5_u64), 1_u64..100],
        late in prop_oneof![Just(0_u32), 1_u32..50],
        (age, increment) in prop_oneof![
            Just((600_u64, 5_u64)), Just((3_600, 60)), Just((28_800, 600)), Just((86_400, 1_800)), (1_u64..50_000, 1_u64..2_000),
        ],
        steps in prop::collection::vec(step(), 1..12),
    ) {
        let grid = every(seconds);
        let (series, naive) = run(grid, late, &steps);
        let Ok(range) = Range::new(age, increment) else { return Ok(()) };
        for fields in [&FIELDS[..1], &FIELDS[1..], &FIELDS] {
            let details = series.details(fields, naive.moments, Some(range));
            prop_assert_eq!(details.rate, naive.rate(fields));
            let known = details.samples.unwrap();
            let is_prefix = |step| naive.samples(fields, age, increment, step).starts_with(&known);
            prop_assert!([0, 60, 600].into_iter().any(is_prefix), "{known:?}");
        }
    }

    #[test]
    fn nothing_in_reach_is_missing(
        late in prop_oneof![Just(0_u32), 1_u32..50],
        (age, increment, step) in prop_oneof![
            Just((600_u64, 5_u64, 0_u64)), Just((28_800, 60, 60)), Just((86_400, 600, 600)),
        ],
        steps in prop::collection::vec(step(), 1..30),
    ) {
        let steps: Vec<_> = steps.into_iter().filter(|step| !matches!(step, Step::Reach(_))).collect();
        let (series, naive) = run(every(5), late, &steps);
        let range = Range::new(age, increment).unwrap();
        let details = series.details(&FIELDS, naive.moments, Some(range));
        prop_assert_eq!(details.samples.unwrap(), naive.samples(&FIELDS, age, increment, step));
    }
}

#[test]
fn an_average_needs_two_samples() {
    let sample = |timestamp, sample| Sample { timestamp, sample };
    let of = |samples: &[Sample]| {
        let samples = Some(samples.to_vec());
        let details = Details { rate: 0.0, samples };
        (details.average(), details.average_rate())
    };
    assert_eq!(of(&[]), (None, None));
    assert_eq!(of(&[sample(5_000, 7)]), (None, None));
    let three = [sample(15_000, 4), sample(10_000, 9), sample(5_000, 2)];
    assert_eq!(of(&three), (Some(5.0), Some(0.2)));
}

#[test]
fn a_mean_is_of_what_happened_since_the_sample_before() {
    let grid = every(5);
    let start = Tick::from_number(350_000_004);
    let mut series = Series::new(start, Reach::Fine);
    let mut tick = start;
    // Time of all, and how many; in one interval there was none.
    for (time, count) in [(0, 0), (100, 2), (400, 3), (400, 3), (500, 13)] {
        tick = tick.after();
        series.record(grid, tick, Test::Publish, time);
        series.record(grid, tick, Test::Ack, count);
    }
    let moments = Moments {
        grid,
        oldest: start.after(),
        newest: tick,
    };
    let range = Range::new(20, 5).unwrap();
    let mean = series.mean(Test::Publish, Test::Ack, moments, Some(range));
    assert_eq!(mean.newest, 10);
    assert_eq!(mean.details.rate, 2.0, "from 0 to 10 within 5 s");
    let samples = mean.details.samples.unwrap();
    let samples: Vec<_> = samples.iter().map(|sample| sample.sample).collect();
    assert_eq!(samples, [10, 0, 300, 50]);
    let none = Series::<Test>::new(start, Reach::Fine);
    let none = none.mean(Test::Publish, Test::Ack, moments, None);
    assert_eq!(none, Mean::default());
}

#[test]
fn ranges_have_limits() {
    let check = |age, increment, valid| {
        assert_eq!(
            Range::new(age, increment).is_ok(),
            valid,
            "{age}/{increment}"
        )
    };
    check(60, 5, true);
    check(2_500, 5, true);
    check(2_505, 5, false);
    check(4, 5, true);
    check(0, 5, false);
    check(60, 0, false);
    check(u64::MAX, u64::MAX, false);
    let refused = Range::new(6_000, 1).unwrap_err().to_string();
    assert_eq!(refused, "Invalid range parameters: age 6000, incr 1");
}

#[test]
fn idle_objects_cost_next_to_nothing() {
    let grid = every(5);
    let mut series = Series::new(START, Reach::Coarse);
    for field in FIELDS {
        series.record(grid, Tick(START.0 + 1), field, 0);
    }
    assert_eq!(series.bytes(), size_of::<Series<Test>>());
    for tick in 1..1_000 {
        series.record(
            grid,
            Tick(START.0 + tick),
            Test::Publish,
            u64::from(tick * tick * tick),
        );
    }
    let busy = series.bytes();
    series.shrink(grid, Tick(START.0 + 100_000));
    assert!(
        series.bytes() < 400 && busy > 800,
        "{} after {busy}",
        series.bytes()
    );
}

/// Messages of one tick of a queue that gets `rate` of them per second, give or take.
fn noisy(rate: u64, dice: &mut u64) -> u64 {
    *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    let mean = rate * 5;
    let spread = mean.isqrt() * 2;
    mean - spread.min(mean) + (*dice >> 33) % (2 * spread + 1)
}

#[test]
fn ten_thousand_busy_queues_fit() {
    const QUEUES: u64 = 60;
    let grid = every(5);
    let (mut bytes, mut dice) = (0, 1);
    for queue in 0..QUEUES {
        let mut series = Series::new(START, Reach::Middle);
        let (mut published, mut acked) = (0, 0);
        for tick in 1..=480 * 12 {
            let tick = Tick(START.0 + tick);
            let rate = 1 + queue * queue / 20;
            published += noisy(rate, &mut dice);
            acked = published - noisy(rate, &mut dice).min(published - acked) / 10;
            series.record(grid, tick, Test::Publish, published);
            series.record(grid, tick, Test::Ack, acked);
            series.record(grid, tick, Test::Ready, published - acked);
        }
        bytes += series.bytes();
    }
    let each = bytes as u64 / QUEUES;
    println!("{each} bytes for three fields");
    assert!(each < 3_000, "{each}");
}

#[test]
fn ticks_are_multiples_of_the_interval() {
    let grid = every(5);
    let tick = grid.tick(Timestamp::from_millis(1_795_176_757_123));
    assert_eq!(grid.time(tick), Timestamp::from_millis(1_795_176_755_000));
    assert_eq!(grid.middle_span(), Duration::from_secs(8 * 3_600));
}

#[test]
fn what_is_forgotten_is_no_change() {
    let grid = every(5);
    let newest = START.after();
    let mut series = Series::new(START, Reach::Coarse);
    series.record(grid, newest, Test::Publish, 1_000);
    let rate = |series: &Series<Test>, newest| {
        let moments = Moments {
            grid,
            oldest: START,
            newest,
        };
        series.details(&[Test::Publish], moments, None).rate
    };
    assert_eq!(rate(&series, newest), 200.0);
    series.forget(grid, newest);
    assert_eq!(rate(&series, newest), 0.0);
    series.record(grid, newest.after(), Test::Publish, 1_005);
    assert_eq!(rate(&series, newest.after()), 1.0);
}

#[test]
fn details_add_up_as_far_as_both_are_known() {
    let details = |rate, samples: &[u64]| Details {
        rate,
        samples: Some(
            (0..)
                .zip(samples)
                .map(|(back, sample)| Sample {
                    timestamp: 10_000 - back * 5_000,
                    sample: *sample,
                })
                .collect(),
        ),
    };
    let mut sum = details(1.5, &[3, 2, 1]);
    sum += details(2.0, &[30, 20]);
    assert_eq!(sum, details(3.5, &[33, 22]));
    let mut sum = Details::default();
    sum += details(2.0, &[30, 20]);
    assert_eq!((sum.rate, sum.samples), (2.0, None));
}
