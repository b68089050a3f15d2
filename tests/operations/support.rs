//! Running the program's other commands, signals, and waiting.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use ferrymq_tests::Broker;
use ferrymq_tests::harness::program;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How often is looked whether something has happened before the test fails.
const LOOKS: usize = 1_500;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// A directory with these files.
pub(crate) fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        write(directory.path(), name, text);
    }
    directory
}

/// Writes a file, whose directories are made.
pub(crate) fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    let parent = path.parent().expect("a directory");
    std::fs::create_dir_all(parent).expect("make the directory");
    std::fs::write(&path, text).expect("write the file");
    path
}

/// Runs the program to its end, with nothing of this process's settings.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let variables = variables.iter().map(|(name, value)| (name, value));
    Command::new(program())
        .args(arguments)
        .envs(variables)
        .output()
        .expect("run the program")
}

/// What it wrote to standard output, when it succeeded.
#[track_caller]
pub(crate) fn printed(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = run(arguments, variables);
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

/// What it wrote to standard error, when it failed with `code`.
#[track_caller]
pub(crate) fn refused(code: i32, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = run(arguments, variables);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    text(&output.stderr)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn signal(broker: &Broker, signal: Signal) {
    let pid = i32::try_from(broker.pid()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process id"), signal).expect("the broker runs");
}

/// Waits until `happened` gives something.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut happened: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS {
        if let Some(found) = happened() {
            return found;
        }
        thread::sleep(BETWEEN_LOOKS);
    }
    panic!("{what} never happened");
}

/// The status and the body of `GET path`.
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("connect");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    )
    .expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}
