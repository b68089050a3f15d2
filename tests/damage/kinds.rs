//! The ways to damage a store.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use crate::specimen::{Specimen, expected, files, position};

/// The head of a segment.
const SEGMENT_HEAD_BYTES: usize = 32;

/// What a damage may cost.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    /// The file that was damaged, if a complaint has to name it.
    pub(crate) file: Option<String>,
    /// Messages that may be missing afterwards.
    pub(crate) messages: BTreeSet<usize>,
    /// Whether definitions were damaged, which matters when only the log has them.
    pub(crate) definitions: bool,
    /// Whether the broker has to complain.
    pub(crate) is_noticed: bool,
    /// Whether it looks, to who has the log alone, as if a checkpoint had removed what was dead.
    pub(crate) only_the_index_tells: bool,
    /// Whether it looks just like what a crash leaves: then what is missing was never confirmed.
    pub(crate) may_be_a_crash: bool,
}

type Kind = fn(&Specimen, &mut SmallRng) -> Damage;

pub(crate) const KINDS: [(&str, Kind); 16] = [
    ("a byte of a segment's head", segment_head),
    ("a byte of a record's head or targets", record_head),
    ("a byte of a body", body),
    ("any byte of the log", any_byte),
    ("a segment cut short", cut),
    ("an empty segment", emptied),
    ("a segment deleted", deleted),
    ("two segments' contents swapped", swapped),
    ("a segment under another number", renumbered),
    ("a segment under two numbers", duplicated),
    ("foreign files in the log", foreign),
    ("an empty segment behind the last", empty_behind),
    ("a byte of the index", index_byte),
    ("the index cut short", index_cut),
    ("a file of the index deleted", index_file),
    ("the note of a clean stop", clean_note),
];

/// The whole log, with the index left.
pub(crate) fn log_deleted(specimen: &Specimen) -> Damage {
    fs::remove_dir_all(specimen.data.join("log")).expect("remove the log");
    Damage {
        messages: everything(),
        is_noticed: true,
        ..Damage::default()
    }
}

fn segment_head(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let (path, mut damage) = segment(specimen, random);
    flip(&path, random.random_range(0..SEGMENT_HEAD_BYTES), random);
    damage.messages.clear();
    damage.definitions = false;
    damage
}

fn record_head(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let (path, number, mut damage) = message(specimen, random);
    let bytes = fs::read(&path).expect("a segment");
    let at = position(&bytes, number).expect("just found");
    // Back to the body of the message before; a whole head and its targets are shorter.
    let before = damage.messages.range(..number).next_back();
    let before = before.and_then(|before| position(&bytes, *before));
    let start = before.map_or(at.saturating_sub(60), |before| before + 1_014);
    flip(&path, random.random_range(start.min(at - 1)..at), random);
    damage.messages = BTreeSet::from([number]);
    damage
}

fn body(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let (path, number, mut damage) = message(specimen, random);
    let bytes = fs::read(&path).expect("a segment");
    let at = position(&bytes, number).expect("just found");
    flip(&path, at + random.random_range(0..1_000), random);
    damage.messages = BTreeSet::from([number]);
    damage.is_noticed = !damage.may_be_a_crash;
    damage
}

fn any_byte(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let (path, damage) = segment(specimen, random);
    let length = fs::metadata(&path).expect("a segment").len() as usize;
    flip(&path, random.random_range(0..length), random);
    damage
}

fn cut(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let (path, damage) = segment(specimen, random);
    let mut bytes = fs::read(&path).expect("a segment");
    bytes.truncate(random.random_range(0..bytes.len()));
    fs::write(path, bytes).expect("write the segment");
    damage
}

fn emptied(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let (path, damage) = segment(specimen, random);
    fs::write(path, b"").expect("write the segment");
    damage
}

fn deleted(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let (path, damage) = segment(specimen, random);
    fs::remove_file(path).expect("remove the segment");
    Damage {
        file: None,
        only_the_index_tells: true,
        ..damage
    }
}

fn swapped(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let segments = specimen.segments();
    let pair: Vec<_> = segments.choose_multiple(random, 2).collect();
    let messages = pair.iter().flat_map(|path| specimen.messages_in(path));
    let messages = messages.collect();
    let aside = specimen.data.join("aside");
    fs::rename(pair[0], &aside).expect("rename a segment");
    fs::rename(pair[1], pair[0]).expect("rename a segment");
    fs::rename(&aside, pair[1]).expect("rename a segment");
    Damage {
        messages,
        definitions: true,
        is_noticed: true,
        ..Damage::default()
    }
}

fn renumbered(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let (path, damage) = segment(specimen, random);
    fs::rename(&path, path.with_file_name("0000000900.segment")).expect("rename a segment");
    Damage {
        file: None,
        is_noticed: true,
        ..damage
    }
}

fn duplicated(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let (path, _) = segment(specimen, random);
    fs::copy(&path, path.with_file_name("0000000900.segment")).expect("copy a segment");
    Damage {
        file: Some("0000000900.segment".to_owned()),
        is_noticed: true,
        ..Damage::default()
    }
}

fn foreign(specimen: &Specimen, _: &mut SmallRng) -> Damage {
    for name in ["README", "0000000003.segment.bak", "3.segment", ".hidden"] {
        fs::write(specimen.data.join("log").join(name), b"ballast").expect("write a file");
    }
    fs::create_dir(specimen.data.join("log/lost+found")).expect("create a directory");
    Damage::default()
}

fn empty_behind(specimen: &Specimen, _: &mut SmallRng) -> Damage {
    let last = specimen.segments().pop().expect("a segment");
    let name = last.file_stem().expect("a name").to_string_lossy();
    let next = name.parse::<u32>().expect("a number") + 1;
    fs::write(last.with_file_name(format!("{next:010}.segment")), b"").expect("write a file");
    Damage::default()
}

fn index_byte(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let path = specimen.data.join("index/db");
    let length = fs::metadata(&path).expect("sled's file").len() as usize;
    // The first page every other time.
    let end = if random.random() {
        512.min(length)
    } else {
        length
    };
    flip(&path, random.random_range(0..end), random);
    Damage::default()
}

fn index_cut(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let path = specimen.data.join("index/db");
    let mut bytes = fs::read(&path).expect("sled's file");
    bytes.truncate(random.random_range(0..bytes.len()));
    fs::write(path, bytes).expect("write sled's file");
    Damage::default()
}

fn index_file(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let mut files = files(&specimen.data.join("index"));
    files.retain(|path| path.is_file());
    fs::remove_file(files.choose(random).expect("a file")).expect("remove a file");
    Damage::default()
}

fn clean_note(specimen: &Specimen, random: &mut SmallRng) -> Damage {
    let path = specimen.data.join("clean");
    let Ok(bytes) = fs::read(&path) else {
        return Damage::default();
    };
    flip(&path, random.random_range(0..bytes.len()), random);
    Damage {
        is_noticed: true,
        ..Damage::default()
    }
}

/// Any segment, and what can be lost with it.
fn segment(specimen: &Specimen, random: &mut SmallRng) -> (PathBuf, Damage) {
    let segments = specimen.segments();
    let path = segments.choose(random).expect("a segment").clone();
    let damage = Damage {
        file: Some(
            path.file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned(),
        ),
        messages: specimen.messages_in(&path),
        definitions: true,
        is_noticed: false,
        only_the_index_tells: false,
        may_be_a_crash: Some(&path) == segments.last() && !specimen.data.join("clean").exists(),
    };
    (path, damage)
}

/// A message that has to be there, and its segment.
fn message(specimen: &Specimen, random: &mut SmallRng) -> (PathBuf, usize, Damage) {
    let owed = everything();
    loop {
        let (path, damage) = segment(specimen, random);
        let candidates: Vec<_> = damage.messages.intersection(&owed).copied().collect();
        if let Some(number) = candidates.choose(random) {
            return (path, *number, damage);
        }
    }
}

fn everything() -> BTreeSet<usize> {
    expected().into_values().flatten().collect()
}

/// Changes one byte in any way.
fn flip(path: &Path, at: usize, random: &mut SmallRng) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[at] ^= random.random_range(1..=u8::MAX);
    fs::write(path, bytes).expect("write the file");
}
