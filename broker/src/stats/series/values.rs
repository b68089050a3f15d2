//! One field's values in all of its tiers.

use super::Reach;
use super::field::Movement;
use super::grid::{Grid, Tick};
use super::tier::{COARSE, FINE, MIDDLE, Shape, Tier};

/// What a field was.
#[derive(Debug)]
pub(super) struct Values {
    fine: Tier,
    middle: Option<Box<Tier>>,
    coarse: Option<Box<Tier>>,
}

impl Values {
    /// `value` at `tick` and, as far as is known, before.
    pub(super) fn new(tick: Tick, value: u64) -> Self {
        Self {
            fine: Tier::new(tick.0, value, 0),
            middle: None,
            coarse: None,
        }
    }

    /// Notes what it is at `tick`, and gives what it was before.
    pub(super) fn record(&mut self, grid: Grid, tick: Tick, movement: Movement, value: u64) -> u64 {
        let before = self.fine.value();
        if value == before || tick.0 <= self.fine.newest() {
            return before;
        }
        let coarser = [(MIDDLE, &mut self.middle), (COARSE, &mut self.coarse)];
        for (shape, tier) in coarser {
            if let Some(tier) = tier {
                change(tier, shape, grid, tick, movement, (before, value));
            }
        }
        self.fine.record(FINE, movement, tick.0, value);
        before
    }

    /// What it is.
    pub(super) fn newest(&self) -> u64 {
        self.fine.value()
    }

    /// How much it changed with `tick`.
    pub(super) fn change_at(&self, tick: Tick) -> i64 {
        // It may be on its way to the next tick.
        match self.fine.newest() >= tick.0 {
            true => self.fine.trend(),
            false => 0,
        }
    }

    /// The finest tier that reaches back over `age_ms`, else the one that reaches farthest.
    pub(super) fn tier(&self, grid: Grid, age_ms: u64) -> (Shape, &Tier) {
        let reaches =
            |shape: &Shape| grid.step_ms(shape.step_ms) * u64::from(shape.capacity) >= age_ms;
        let tiers = [
            Some((FINE, &self.fine)),
            self.middle.as_deref().map(|tier| (MIDDLE, tier)),
            self.coarse.as_deref().map(|tier| (COARSE, tier)),
        ];
        let mut tiers = tiers.into_iter().flatten();
        let farthest = tiers.clone().last().expect("there is always the fine one");
        tiers.find(|(shape, _)| reaches(shape)).unwrap_or(farthest)
    }

    /// Adds the tiers that `reach` has and drops those that it has not.
    pub(super) fn set_reach(&mut self, grid: Grid, born: Tick, movement: Movement, reach: Reach) {
        if reach < Reach::Coarse {
            self.coarse = None;
        }
        if reach < Reach::Middle {
            self.middle = None;
        }
        if reach >= Reach::Middle && self.middle.is_none() {
            self.middle = Some(Self::coarser(
                &self.fine,
                (FINE, MIDDLE),
                grid,
                born,
                movement,
            ));
        }
        if reach >= Reach::Coarse && self.coarse.is_none() {
            let middle = self.middle.as_ref().expect("just made sure of");
            self.coarse = Some(Self::coarser(
                middle,
                (MIDDLE, COARSE),
                grid,
                born,
                movement,
            ));
        }
    }

    /// A coarser tier that knows what a finer one does.
    fn coarser(
        finer: &Tier,
        (from, to): (Shape, Shape),
        grid: Grid,
        born: Tick,
        movement: Movement,
    ) -> Box<Tier> {
        let known = finer.values(movement);
        let mut known = known.into_iter().rev();
        let (slot, value) = known.next().expect("there is always the newest");
        let tick = grid.first_tick(from.step_ms, slot).max(born);
        let slot = grid.slot(to.step_ms, tick);
        let is_first = grid.first_tick(to.step_ms, slot) == tick;
        let first = match finer.is_full(from) {
            true => slot + u32::from(!is_first),
            false => 0,
        };
        let mut tier = Tier::new(slot, value, first);
        let mut before = value;
        for (slot, value) in known {
            let tick = grid.first_tick(from.step_ms, slot);
            change(&mut tier, to, grid, tick, movement, (before, value));
            before = value;
        }
        Box::new(tier)
    }

    /// Gives up the memory of what has stayed the same for long.
    pub(super) fn shrink(&mut self, grid: Grid, newest: Tick) {
        let tiers = [
            (FINE, Some(&mut self.fine)),
            (MIDDLE, self.middle.as_deref_mut()),
            (COARSE, self.coarse.as_deref_mut()),
        ];
        for (shape, tier) in tiers {
            if let Some(tier) = tier {
                tier.shrink(shape, grid.slot(shape.step_ms, newest));
            }
        }
    }

    /// The memory that this takes beside the struct itself, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let boxed = [&self.middle, &self.coarse].into_iter().flatten();
        let boxed = boxed.map(|tier| tier.bytes() + size_of::<Tier>());
        self.fine.bytes() + boxed.sum::<usize>()
    }
}

/// Notes in a tier that a field changed at `tick`, from one value to another.
fn change(
    tier: &mut Tier,
    shape: Shape,
    grid: Grid,
    tick: Tick,
    movement: Movement,
    (before, value): (u64, u64),
) {
    let slot = grid.slot(shape.step_ms, tick);
    if slot <= tier.newest() {
        return;
    }
    // The sample of a slot is its first tick's.
    let is_first = grid.first_tick(shape.step_ms, slot) == tick;
    if !is_first || slot > tier.newest() + 1 {
        tier.record(shape, movement, tier.newest() + 1, before);
    }
    let value = if is_first { value } else { before };
    tier.record(shape, movement, slot, value);
}
