//! Presets: names for the loads that brokers are compared by.
//!
//! A preset is nothing but options. They are put into the command line before it is parsed, except those
//! that the user gives otherwise.

use std::ffi::{OsStr, OsString};

use clap::{Args as _, Command};

use super::Args;

/// An option and its value; flags have none.
type Given = (&'static str, Option<&'static str>);

/// A name for a subcommand (none: throughput) and options.
struct Scenario {
    name: &'static str,
    command: Option<&'static str>,
    options: &'static [Given],
}

const fn load(name: &'static str, options: &'static [Given]) -> Scenario {
    Scenario {
        name,
        command: None,
        options,
    }
}

const SCENARIOS: [Scenario; 15] = [
    load("transient", &[("--size", Some("16")), ("--no-ack", None)]),
    load(
        "transient-1k",
        &[("--size", Some("1024")), ("--no-ack", None)],
    ),
    load(
        "acked",
        &[
            ("--size", Some("1024")),
            ("--prefetch", Some("1000")),
            ("--ack-every", Some("250")),
        ],
    ),
    load(
        "persistent",
        &[
            ("--size", Some("1024")),
            ("--durable", None),
            ("--persistent", None),
            ("--confirm", Some("1000")),
            ("--prefetch", Some("1000")),
            ("--ack-every", Some("250")),
        ],
    ),
    load(
        "quorum",
        &[
            ("--size", Some("1024")),
            ("--queue-type", Some("quorum")),
            ("--persistent", None),
            ("--confirm", Some("1000")),
            ("--prefetch", Some("1000")),
            ("--ack-every", Some("250")),
        ],
    ),
    load(
        "stream",
        &[
            ("--size", Some("1024")),
            ("--queue-type", Some("stream")),
            ("--persistent", None),
            ("--confirm", Some("1000")),
            ("--prefetch", Some("1000")),
            ("--ack-every", Some("250")),
        ],
    ),
    load(
        "confirm-latency",
        &[
            ("--size", Some("1024")),
            ("--durable", None),
            ("--persistent", None),
            ("--confirm", Some("1")),
        ],
    ),
    load(
        "latency",
        &[
            ("--size", Some("1024")),
            ("--rate", Some("5000")),
            ("--no-ack", None),
        ],
    ),
    load(
        "persistent-latency",
        &[
            ("--size", Some("1024")),
            ("--rate", Some("5000")),
            ("--durable", None),
            ("--persistent", None),
            ("--confirm", Some("1000")),
        ],
    ),
    load(
        "fanout",
        &[
            ("--size", Some("1024")),
            ("--exchange-type", Some("fanout")),
            ("--queues", Some("10")),
        ],
    ),
    load(
        "topic",
        &[
            ("--size", Some("256")),
            ("--exchange-type", Some("topic")),
            ("--queues", Some("100")),
            ("--bindings", Some("10")),
        ],
    ),
    load(
        "backlog",
        &[
            ("--size", Some("1024")),
            ("--messages", Some("1000000")),
            ("--fill-first", None),
            ("--durable", None),
            ("--persistent", None),
            ("--confirm", Some("1000")),
            ("--prefetch", Some("1000")),
            ("--ack-every", Some("250")),
        ],
    ),
    Scenario {
        name: "connections",
        command: Some("connection-count"),
        options: &[("--count", Some("1000"))],
    },
    Scenario {
        name: "queues",
        command: Some("queue-count"),
        options: &[("--count", Some("10000"))],
    },
    Scenario {
        name: "churn",
        command: Some("connection-churn"),
        options: &[],
    },
];

/// The names of all presets.
pub(super) fn names() -> Vec<&'static str> {
    SCENARIOS.iter().map(|scenario| scenario.name).collect()
}

/// The program's command line, with what `perf --scenario NAME` stands for. An unknown name is left for the
/// parser to refuse.
pub(crate) fn expand(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<_> = words.into_iter().collect();
    if words.get(1).is_none_or(|command| command != "perf") {
        return words;
    }
    if let Some((range, scenario)) = find(&words) {
        words.drain(range);
        let expanded = scenario.words(&words[2..]);
        words.splice(2..2, expanded);
    }
    words
}

/// Where `--scenario` and its value are, and what they name.
fn find(words: &[OsString]) -> Option<(std::ops::Range<usize>, &'static Scenario)> {
    let mut found = words.iter().enumerate().filter_map(|(index, word)| {
        let word = word.to_str()?;
        match word.strip_prefix("--scenario=") {
            Some(name) => Some((index..index + 1, name)),
            None if word == "--scenario" => {
                Some((index..index + 2, words.get(index + 1)?.to_str()?))
            }
            None => None,
        }
    });
    let (range, name) = found.next()?;
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name)?;
    Some((range, scenario))
}

impl Scenario {
    /// What is to stand before the words that the user gave.
    fn words(&self, given: &[OsString]) -> Vec<OsString> {
        let perf = Args::augment_args(Command::new("perf"));
        let command = match self.command {
            Some(name) => perf.find_subcommand(name).unwrap_or(&perf),
            None => &perf,
        };
        let mut words: Vec<OsString> = self.command.into_iter().map(OsString::from).collect();
        for (option, value) in self.options {
            if !is_decided(command, option, given) {
                words.push(option.into());
                words.extend(value.map(OsString::from));
            }
        }
        words
    }
}

/// Whether the user gave this option, or one that excludes it.
fn is_decided(command: &Command, option: &str, given: &[OsString]) -> bool {
    let by_name = |argument: &&clap::Arg| argument.get_long() == option.strip_prefix("--");
    let Some(option) = command.get_arguments().find(by_name) else {
        return false;
    };
    let excludes = |one: &clap::Arg, other: &clap::Arg| {
        let conflicts = command.get_arg_conflicts_with(one);
        conflicts
            .iter()
            .any(|conflict| conflict.get_id() == other.get_id())
    };
    command
        .get_arguments()
        .filter(|argument| given.iter().any(|word| names_argument(word, argument)))
        .any(|argument| {
            argument.get_id() == option.get_id()
                || excludes(argument, option)
                || excludes(option, argument)
        })
}

fn names_argument(word: &OsStr, argument: &clap::Arg) -> bool {
    let Some(word) = word.to_str() else {
        return false;
    };
    match word.strip_prefix("--") {
        Some(long) => {
            let name = long.split('=').next().unwrap_or_default();
            let names = argument.get_long_and_visible_aliases();
            names.is_some_and(|names| names.contains(&name))
        }
        None => argument.get_short().is_some_and(|short| {
            word.strip_prefix('-')
                .is_some_and(|rest| rest.starts_with(short))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expected: &str) {
        let words = given.split_whitespace().map(OsString::from);
        let expanded: Vec<_> = expand(words)
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect();
        assert_eq!(expanded.join(" "), expected);
    }

    #[test]
    fn presets_come_before_what_is_given() {
        check(
            "ferrymq perf --json --scenario transient -x 2",
            "ferrymq perf --size 16 --no-ack --json -x 2",
        );
        check(
            "ferrymq perf --scenario=churn --durable",
            "ferrymq perf connection-churn --durable",
        );
    }

    #[test]
    fn what_is_given_wins() {
        check(
            "ferrymq perf --scenario transient --size=99",
            "ferrymq perf --no-ack --size=99",
        );
        check(
            "ferrymq perf --scenario transient -s99",
            "ferrymq perf --no-ack -s99",
        );
        check(
            "ferrymq perf --scenario transient --ack-every 5",
            "ferrymq perf --size 16 --ack-every 5",
        );
        check(
            "ferrymq perf --scenario acked --multi-ack-every 5 --body-file f",
            "ferrymq perf --prefetch 1000 --multi-ack-every 5 --body-file f",
        );
        check(
            "ferrymq perf --scenario acked --no-ack",
            "ferrymq perf --size 1024 --prefetch 1000 --no-ack",
        );
    }

    #[test]
    fn other_command_lines_are_left_alone() {
        for words in [
            "ferrymq",
            "ferrymq serve --scenario transient",
            "ferrymq perf",
            "ferrymq perf --scenario",
            "ferrymq perf --scenario nonsense",
        ] {
            check(words, words);
        }
    }

    #[test]
    fn every_preset_can_be_parsed() {
        for name in names() {
            let words = ["ferrymq", "perf", "--scenario", name].map(OsString::from);
            let words = expand(words).split_off(1);
            let command = Args::augment_args(Command::new("perf"));
            let matches = command.try_get_matches_from(words);
            assert!(matches.is_ok(), "{name}: {}", matches.unwrap_err());
        }
    }
}
