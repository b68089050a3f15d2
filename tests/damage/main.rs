//! Damaged and foreign files under the real program: noticed, kept aside, never served, never a panic; and
//! what another version wrote is refused.
//!
//! `FERRYMQ_DAMAGE_ROUNDS` says how many stores are damaged (80 by default), or `FERRYMQ_DAMAGE_SECONDS` for
//! how long; `FERRYMQ_SEED` repeats a run's choices. Every single byte is flipped in `store/tests/damage.rs`.

mod kinds;
mod specimen;
mod versions;

use std::collections::BTreeSet;
use std::fs;

use ferrymq_tests::load::{Budget, complaint};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::kinds::{Damage, KINDS};
use crate::specimen::{Contents, Left, Specimen, expected};

#[test]
fn damage_is_answered_as_promised() {
    let (seed, budget) = Budget::from_environment("DAMAGE", 80);
    let mut random = SmallRng::seed_from_u64(seed);
    // As long as there is a copy, nothing is made again.
    let _kept = [Left::Closed, Left::Killed].map(Specimen::new);
    let mut rounds = 0;
    while budget.is_left(rounds) {
        let (name, damage) = KINDS[rounds as usize % KINDS.len()];
        let left = match random.random() {
            true => Left::Closed,
            false => Left::Killed,
        };
        let without_index = random.random_ratio(1, 3);
        let specimen = Specimen::new(left);
        let damage = damage(&specimen, &mut random);
        if without_index {
            let _ = fs::remove_dir_all(specimen.data.join("index"));
        }
        let what = format!(
            "round {rounds} of FERRYMQ_SEED={seed}, {name}, {left:?}, without index: {without_index}: {damage:?}"
        );
        check(&what, &specimen, &damage, without_index);
        rounds += 1;
    }
    println!("{rounds} damaged stores, FERRYMQ_SEED={seed}");
}

#[test]
fn a_log_that_is_gone_is_noticed() {
    for left in [Left::Closed, Left::Killed] {
        let specimen = Specimen::new(left);
        let damage = kinds::log_deleted(&specimen);
        check(
            &format!("the log deleted, {left:?}"),
            &specimen,
            &damage,
            false,
        );
    }
}

/// What has to be true however a store was damaged.
fn check(what: &str, specimen: &Specimen, damage: &Damage, without_index: bool) {
    let (found, log) = read(what, specimen);
    assert!(!log.contains("panicked"), "{what}:\n{log}");
    let expected = expected();
    let mut missing = BTreeSet::new();
    for (queue, expected) in &expected {
        missing.extend(expected.difference(&found[queue]).copied());
    }
    let definitions = without_index && damage.definitions;
    let innocent: Vec<_> = missing.difference(&damage.messages).collect();
    assert!(
        innocent.is_empty() || definitions,
        "{what}: {innocent:?} are missing and were not damaged\n{log}"
    );
    let unknowable = without_index && damage.only_the_index_tells;
    let complained = complaint(&log).is_some();
    assert!(
        complained || missing.is_empty() || damage.may_be_a_crash || unknowable,
        "{what}: {missing:?} are missing in silence\n{log}"
    );
    assert!(
        complained || !damage.is_noticed,
        "{what}: nobody noticed\n{log}"
    );
    if let Some(file) = damage.file.as_ref().filter(|_| complained) {
        assert!(log.contains(file), "{what}: {file} is not named\n{log}");
    }
    let (again, _) = read(what, specimen);
    assert_eq!(again, found, "{what}: the second start differs\n{log}");
}

fn read(what: &str, specimen: &Specimen) -> (Contents, String) {
    let read = specimen.read();
    read.unwrap_or_else(|(status, log)| panic!("{what}: refused, {status}\n{log}"))
}
