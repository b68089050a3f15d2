//! What another version wrote is refused with a message that says so, and nothing is changed.
//!
//! There is no store of an older version yet: the format is free to change until the first release. Then
//! a data directory of that version becomes a fixture here, made by a broker of that version with
//! `Specimen::make`, and has to open in every version after it.

use std::fs;
use std::path::Path;

use crate::specimen::{Files, Left, Specimen, snapshot};

/// No version that there will soon be.
const UNKNOWN: u32 = 77;

#[test]
fn a_segment_of_another_version_is_refused() {
    let specimen = Specimen::new(Left::Killed);
    let segment = specimen.segments()[1].clone();
    change(&segment, |bytes| {
        bytes[8..12].copy_from_slice(&UNKNOWN.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..28]);
        bytes[28..32].copy_from_slice(&crc.to_le_bytes());
    });
    let name = segment.file_name().expect("a name").to_string_lossy();
    check(&specimen, &format!("log/{name}"));
}

#[test]
fn a_note_of_another_version_is_refused() {
    let specimen = Specimen::new(Left::Closed);
    change(&specimen.data.join("clean"), |bytes| {
        bytes[8..12].copy_from_slice(&UNKNOWN.to_le_bytes());
        let end = bytes.len() - 4;
        let crc = crc32c::crc32c(&bytes[..end]);
        bytes[end..].copy_from_slice(&crc.to_le_bytes());
    });
    check(&specimen, "clean");
}

#[test]
fn an_index_of_another_version_is_refused() {
    let specimen = Specimen::new(Left::Closed);
    let db = sled::open(specimen.data.join("index")).expect("the index");
    let mut value = db
        .get("m")
        .expect("a value")
        .expect("a checkpoint")
        .to_vec();
    value[..4].copy_from_slice(&UNKNOWN.to_le_bytes());
    db.insert("m", value).expect("change the value");
    drop(db);
    check(&specimen, "index");
}

/// The program refuses, names the file and the versions, and leaves everything as it is.
fn check(specimen: &Specimen, file: &str) {
    let before = snapshot(&specimen.data);
    let refused = specimen.options().try_start();
    let (status, log) = refused.expect_err("a store of an unknown version");
    assert_eq!(status.code(), Some(1), "{log}");
    let expected = format!("{file} has format version {UNKNOWN}, this program reads version 1");
    assert!(log.contains(&expected), "'{expected}' is not in:\n{log}");
    let (before, after) = (
        kept(specimen, before),
        kept(specimen, snapshot(&specimen.data)),
    );
    assert!(before.keys().eq(after.keys()), "files came or went");
    let changed = after.iter().find(|(path, bytes)| before[*path] != **bytes);
    assert!(
        changed.is_none(),
        "{:?} changed",
        changed.map(|(path, _)| path)
    );
}

/// Everything but the name of who has the directory, the room held back on the disk, and what sled notes for
/// its own next start.
fn kept(specimen: &Specimen, mut files: Files) -> Files {
    files.retain(|path, _| {
        let name = path.strip_prefix(&specimen.data).expect("a file in it");
        let name = name.to_string_lossy();
        name != "lock" && name != "log/reserve" && !name.starts_with("index/snap.")
    });
    files
}

fn change(path: &Path, change: impl FnOnce(&mut [u8])) {
    let mut bytes = fs::read(path).expect("a file");
    change(&mut bytes);
    fs::write(path, bytes).expect("write the file");
}
