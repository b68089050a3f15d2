//! The command line of `ferrymq perf`: a load by default, other scenarios as subcommands.
//!
//! A file per group of options. Names and short forms are those of the load tools that people know,
//! wherever these agree with each other.

mod broker;
mod check;
mod churn;
mod consuming;
mod load;
mod messages;
mod publishing;
mod topology;

pub(super) use broker::{Broker, Reporting};
pub(super) use churn::{Churn, Count};
pub(super) use consuming::{Consuming, Settlement};
pub(super) use load::Load;
pub(super) use messages::{Body, Messages};
pub(super) use publishing::Publishing;
pub(super) use topology::{Topology, table};

/// Measure a broker: throughput, latency, what it costs, and whether every message arrives.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    load: Load,
}

impl Args {
    /// What is to be run.
    pub(super) fn command(self) -> Command {
        self.command.unwrap_or(Command::Throughput(self.load))
    }
}

/// What can be run.
#[derive(Debug, clap::Subcommand)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one, for the whole run of the program"
)]
pub(super) enum Command {
    /// Publish and consume; the same as no command at all
    Throughput(Load),
    /// Connect, open a channel, publish a message, close; again and again
    ConnectionChurn(Churn),
    /// Open a channel and close it, again and again
    ChannelChurn(Churn),
    /// Declare a queue and delete it, again and again
    QueueChurn(Churn),
    /// Bind a queue and unbind it, again and again
    BindChurn(Churn),
    /// Start a consumer and cancel it, again and again
    ConsumerChurn(Churn),
    /// Open connections, each with a channel and a consumer, and let them rest
    ConnectionCount(Count),
    /// Declare durable queues, bind them, and let them rest
    QueueCount(Count),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Args as _, Parser};

    use super::*;

    const GUIDE: &str = include_str!("../../docs/perf.md");

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        args: Args,
    }

    fn check(words: &str) -> Result<(), String> {
        let words = ["perf"].into_iter().chain(words.split_whitespace());
        let parsed = CommandLine::try_parse_from(words).map_err(|error| error.to_string())?;
        match parsed.args.command() {
            Command::Throughput(load) => load.check().map_err(|error| error.to_string()),
            _ => Ok(()),
        }
    }

    /// The options that `text` mentions.
    fn mentioned(text: &str) -> BTreeSet<String> {
        let is_name =
            |letter: char| letter.is_ascii_lowercase() || matches!(letter, '0'..='9' | '-');
        let names = text.split("--").skip(1);
        names
            .map(|rest| {
                rest.split(|letter| !is_name(letter))
                    .next()
                    .unwrap_or_default()
            })
            .filter(|name| name.starts_with(|letter: char| letter.is_ascii_lowercase()))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn the_guide_has_every_option_and_no_other() {
        let perf = Args::augment_args(clap::Command::new("perf"));
        let mut options = BTreeSet::new();
        for command in perf.get_subcommands().chain([&perf]) {
            for argument in command.get_arguments() {
                let names = argument.get_long_and_visible_aliases();
                options.extend(names.into_iter().flatten().map(str::to_owned));
                let short = argument.get_short().map(|short| format!("`-{short}`"));
                if let Some(short) = short {
                    assert!(GUIDE.contains(&short), "{short} is missing");
                }
            }
        }
        options.remove("help");
        assert_eq!(mentioned(GUIDE), options);
        let commands = perf.get_subcommands().map(clap::Command::get_name);
        for name in commands.chain(crate::perf::scenario::names()) {
            assert!(GUIDE.contains(&format!("`{name}`")), "{name} is missing");
        }
    }

    #[test]
    fn options_that_make_sense_together() {
        for words in [
            "",
            "throughput --producers 2",
            "-x 2 -y 2 -X 3 -Y 3 -z 5 -C 10 -D 5 -s 16 -c 10 -q 5 -Q 5 -A 2 -u q -i 2 -r 5 -R 5",
            "-e x -t topic -k key -p",
            "-e amq.topic -t topic --binding-key # --random-routing-key",
            "--queue-pattern perf-%d --queue-from 2 --queue-to 4",
            "-m 10 -n 10 --max-confirm-p99 5ms",
            "--rate 5 --max-p50 1ms --max-p99 5ms --histogram file",
            "--seconds 3 --warmup 1",
            "connection-churn -x 3 --csv",
            "queue-count -x 3 --keep-queue",
        ] {
            assert_eq!(check(words), Ok(()), "{words}");
        }
    }

    #[test]
    fn options_that_do_not_are_named() {
        let check = |words: &str, named: &[&str]| {
            let refused = super::tests::check(words).expect_err(words);
            for option in named {
                assert!(refused.contains(option), "{words}: {option} in {refused}");
            }
        };
        check("-x 0 -y 0", &["--producers", "--consumers"]);
        check("-x 0 --rate 5", &["--producers", "--rate"]);
        check("-x 0 -c 5", &["--producers", "--confirm"]);
        check("-y 0 --backlog 5", &["--consumers", "--backlog"]);
        check("-y 0 --consume 5", &["--consumers", "--consume"]);
        check("-y 0 --max-p99 5ms", &["--consumers", "--max-p99"]);
        check("-y 0 -L 5ms", &["--consumers", "--consumer-latency"]);
        check("-y 0 --fill-first", &["--consumers", "--fill-first"]);
        check("-y 0 --auto-delete", &["--consumers", "--auto-delete"]);
        check("-x 300 -X 300", &["--producers", "--producer-channels"]);
        check("-c 5 -m 5", &["--confirm", "--producer-tx"]);
        check("--max-confirm-p99 5ms", &["--max-confirm-p99", "--confirm"]);
        check(
            "--confirm-histogram f",
            &["--confirm-histogram", "--confirm"],
        );
        check("--no-ack --nack", &["--no-ack", "--nack"]);
        check("--no-ack -n 5", &["--no-ack", "--consumer-tx"]);
        check(
            "--no-ack --requeue-every 5",
            &["--no-ack", "--requeue-every"],
        );
        check("--poll --prefetch 5", &["--poll", "--prefetch"]);
        check("--queue-type stream --poll", &["--queue-type", "--poll"]);
        check("--queue-type stream -a", &["--queue-type", "--no-ack"]);
        check("--json --csv", &["--json", "--csv"]);
        check(
            "-r 5 --rate-per-producer 5",
            &["--rate", "--rate-per-producer"],
        );
        check("--variable-rate 0:5", &["--variable-rate"]);
        check("-s 5 --body-file f", &["--size", "--body-file"]);
        check("-s 8 -r 5 --max-p99 5ms", &["--size", "--max-p99"]);
        check("-k key", &["--routing-key", "--exchange"]);
        check("-K", &["--random-routing-key", "--exchange"]);
        check("--bindings 2", &["--bindings", "--exchange"]);
        check("--binding-key k", &["--binding-key", "--exchange"]);
        check("-e x -k a -K", &["--routing-key", "--random-routing-key"]);
        check("-e x -k a --bindings 3", &["--routing-key", "--bindings"]);
        check(
            "--queue q --queue-pattern %d",
            &["--queue", "--queue-pattern"],
        );
        check("--queue-to 5", &["--queue-to", "--queue-pattern"]);
        check(
            "--queue-pattern %d --queue-from 5",
            &["--queue-from", "--queue-to"],
        );
        check("-p --queue-arg a=1", &["--predeclared", "--queue-arg"]);
        check("-z 5 --warmup 5", &["--duration", "--warmup"]);
        check("--max-p99 5", &["--max-p99", "unit"]);
        check("--rate 5 queue-churn", &["queue-churn", "--rate"]);
    }

    #[test]
    fn acks_never_wait_for_more_than_is_sent_ahead() {
        let every = |words: &str| {
            let words = ["perf"].into_iter().chain(words.split_whitespace());
            match CommandLine::parse_from(words).args.command() {
                Command::Throughput(load) => load.consuming.ack_every(),
                _ => 0,
            }
        };
        assert_eq!(every(""), 100);
        assert_eq!(every("--prefetch 10"), 5);
        assert_eq!(every("--prefetch 0"), 100);
        assert_eq!(every("--prefetch 0 -Q 1"), 1);
        assert_eq!(every("--poll"), 100);
        assert_eq!(every("-n 7"), 7);
    }
}
