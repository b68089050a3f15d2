//! What happened in a run: the last lines for who reads a failure, and a hash of everything.

use std::collections::VecDeque;
use std::fmt::Display;

/// How many lines a failure shows.
const LINES: usize = 40;

/// The history of a run.
pub(crate) struct Trace {
    hash: u64,
    lines: VecDeque<String>,
    /// Every line is printed at once.
    print: bool,
}

impl Trace {
    pub(crate) fn new(print: bool) -> Self {
        Self {
            hash: 0xCBF2_9CE4_8422_2325,
            lines: VecDeque::new(),
            print,
        }
    }

    /// A line for the reader; part of the hash.
    pub(crate) fn line(&mut self, line: impl Display) {
        let line = line.to_string();
        self.bytes(line.as_bytes());
        if self.print {
            eprintln!("{line}");
        }
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Something that only counts for the hash.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    /// A number that is the same for the same history.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn last_lines(&self) -> impl Iterator<Item = &String> {
        self.lines.iter()
    }
}
