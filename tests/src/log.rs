//! What a child process writes, followed by a thread, so that a test can wait for a line of it.

use std::io::{BufRead, BufReader, PipeReader};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Log(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    pub(crate) fn follow(reader: PipeReader) -> Self {
        let log = Self(Arc::default());
        let writer = log.clone();
        thread::spawn(move || writer.read_all(reader));
        log
    }

    pub(crate) fn text(&self) -> String {
        self.lines()
            .lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// The first line with `text`; `None` when the process ends or `patience` does before there is one.
    pub(crate) fn wait_for(&self, text: &str, patience: Duration) -> Option<String> {
        let lines = self.wait(patience, |lines| lines.ended || lines.find(text).is_some());
        lines.find(text).cloned()
    }

    /// Whether the process closed its output within `patience`: it has ended.
    pub(crate) fn wait_for_end(&self, patience: Duration) -> bool {
        self.wait(patience, |lines| lines.ended).ended
    }

    fn wait(&self, patience: Duration, happened: impl Fn(&Lines) -> bool) -> MutexGuard<'_, Lines> {
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.lines(), patience, |l| !happened(l));
        waited.expect("a log without a poisoned lock").0
    }

    fn read_all(&self, reader: PipeReader) {
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            self.lines()
                .lines
                .push(String::from_utf8_lossy(&line).into_owned());
            self.0.changed.notify_all();
        }
        self.lines().ended = true;
        self.0.changed.notify_all();
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lines.lock().expect("a log without a poisoned lock")
    }
}

impl Lines {
    fn find(&self, text: &str) -> Option<&String> {
        self.lines.iter().find(|line| line.contains(text))
    }
}
