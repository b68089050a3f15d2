//! Runs `ferrymq ctl` and says what it answered.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use ferrymq_tests::harness::{Broker, program};
use serde_json::Value;

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) error: String,
}

/// A command that asks `broker` by its local socket.
pub(crate) fn ctl(broker: &Broker) -> Ctl {
    let data_dir = broker.data_directory().display().to_string();
    Ctl::new(program()).arguments(&["ctl", "--data-dir", &data_dir])
}

/// A command that asks `broker` over HTTP, as the user in `credentials`.
pub(crate) fn ctl_over_http(broker: &Broker, credentials: &str) -> Ctl {
    let uri = format!("http://{credentials}@{}", broker.http());
    Ctl::new(program()).arguments(&["ctl", "--uri", &uri])
}

/// A command line that waits for its last words.
pub(crate) struct Ctl {
    command: Command,
    input: String,
}

impl Ctl {
    pub(crate) fn new(program: &Path) -> Self {
        let mut command = Command::new(program);
        command.env_remove("FERRYMQ_CONFIG");
        Self {
            command,
            input: String::new(),
        }
    }

    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// What comes on the standard input.
    pub(crate) fn input(mut self, text: &str) -> Self {
        text.clone_into(&mut self.input);
        self
    }

    /// Runs it.
    pub(crate) fn run(mut self, arguments: &[&str]) -> Answer {
        self.command.args(arguments);
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("start the program");
        let mut stdin = child.stdin.take().expect("its standard input");
        // It need not read it.
        let _ = stdin.write_all(self.input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("its output");
        Answer {
            code: output.status.code().expect("it ends by itself"),
            out: String::from_utf8(output.stdout).expect("text"),
            error: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Runs the words of `line`, which must succeed; gives what was printed.
    #[track_caller]
    pub(crate) fn ok(self, line: &str) -> String {
        let answer = self.run(&words(line));
        assert_eq!((answer.code, &*answer.error), (0, ""), "{line}: {answer:?}");
        answer.out
    }

    /// Runs the words of `line` with `--json`; gives the result.
    #[track_caller]
    pub(crate) fn json(self, line: &str) -> Value {
        let out = self.arguments(&["--json"]).ok(line);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{line}: {error}: {out}"))
    }

    /// Runs the words of `line`, which must fail with `code`; gives the error.
    #[track_caller]
    pub(crate) fn fails(self, line: &str, code: i32) -> String {
        let answer = self.run(&words(line));
        assert_eq!(answer.code, code, "{line}: {answer:?}");
        answer.error
    }
}

/// Words between spaces; `''` is an empty one.
fn words(line: &str) -> Vec<&str> {
    let words = line.split(' ').filter(|word| !word.is_empty());
    words
        .map(|word| if word == "''" { "" } else { word })
        .collect()
}
