//! `ferrymq config`: what the settings are, where they come from, whether they are right.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use ferrymq_broker::config::{self, Key, Loaded, Problems};

use crate::settings::{Sources, listed};

/// What to do with the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Look for mistakes: all of them are told, with file and line
    Check {
        /// A file or directory, instead of where the broker would look
        path: Option<PathBuf>,
        #[command(flatten)]
        sources: Sources,
    },
    /// Print the settings
    Print {
        /// A file or directory, instead of where the broker would look
        path: Option<PathBuf>,
        /// Say where each comes from: file and line, variable, flag, or the default
        #[arg(long)]
        sources: bool,
        /// Also those that nobody has set, which is the default; `--effective=false`: only what is set
        #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set)]
        effective: bool,
        #[command(flatten)]
        from: Sources,
    },
    /// Print a rabbitmq.conf as TOML
    Convert {
        /// The file
        file: PathBuf,
    },
}

/// Does what `args` say: 0, or 1 when the configuration has mistakes.
pub(crate) fn run(args: Args) -> ExitCode {
    let outcome = match args.command {
        Command::Check { path, sources } => loaded(path, sources).map(|loaded| {
            warn(&loaded);
            match loaded.files.is_empty() {
                true => "the configuration is fine; no file was read\n".to_owned(),
                false => format!("the configuration is fine: {}\n", listed(&loaded.files)),
            }
        }),
        Command::Print {
            path,
            sources,
            effective,
            from,
        } => loaded(path, from).map(|loaded| {
            warn(&loaded);
            page(&loaded, effective, sources, Key::shown)
        }),
        Command::Convert { file } => converted(file),
    };
    match outcome {
        Ok(text) => {
            // Who closes the other end has seen enough.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::FAILURE
        }
    }
}

fn loaded(path: Option<PathBuf>, sources: Sources) -> Result<Loaded, Problems> {
    match path.is_some() {
        true => Sources::at(path).load(&[]),
        false => sources.load(&[]),
    }
}

/// Only what the file says, without this process's environment but for `$(NAME)`.
fn converted(file: PathBuf) -> Result<String, Problems> {
    let names = |name: &str| !name.starts_with("FERRYMQ_") && !name.starts_with("RABBITMQ_");
    let environment = std::env::vars().filter(|(name, _)| names(name) && name != "STATE_DIRECTORY");
    let loaded = config::load(Some(&file), environment, &[])?;
    warn(&loaded);
    Ok(page(&loaded, false, false, Key::toml))
}

fn warn(loaded: &Loaded) {
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
}

/// The settings as a TOML file: all of them, or only those that somebody has set.
fn page(
    loaded: &Loaded,
    all: bool,
    with_sources: bool,
    value: fn(&Key, &config::Config) -> String,
) -> String {
    let mut page = String::new();
    let mut section = "";
    for key in config::keys() {
        let origin = loaded.origins.get(key.name);
        if origin.is_none() && !all {
            continue;
        }
        if key.section() != section {
            section = key.section();
            page += &format!("\n[{section}]\n");
        }
        let name = key.name.split_once('.').map_or(key.name, |(_, name)| name);
        let line = format!("{name} = {}", value(key, &loaded.config));
        page += &match with_sources {
            true => format!(
                "{line:<44} # {}\n",
                origin.map_or("default", String::as_str)
            ),
            false => format!("{line}\n"),
        };
    }
    page.trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(settings: &[(&str, &str)]) -> Loaded {
        let given = settings.iter().map(|(key, value)| config::Override {
            key: (*key).to_owned(),
            flag: "--set",
            value: (*value).to_owned(),
        });
        config::load(None, [], &given.collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn what_is_printed_can_be_read_again() {
        let loaded = of(&[("amqp.heartbeat", "7"), ("log.levels", "queue=debug")]);
        let text = page(&loaded, true, true, Key::toml);
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let again = config::load(Some(file.path()), [], &[]).unwrap();
        assert!(loaded.config.changes(&again.config).is_empty(), "{text}");
    }

    #[test]
    fn only_what_is_set_may_be_printed() {
        let loaded = of(&[("amqp.heartbeat", "7"), ("data_dir", "/d")]);
        assert_eq!(
            page(&loaded, false, false, Key::shown),
            "data_dir = \"/d\"\n\n[amqp]\nheartbeat = 7\n"
        );
    }

    #[test]
    fn secrets_are_masked_but_not_when_converting() {
        let loaded = of(&[("auth.default_pass", "secret")]);
        assert!(!page(&loaded, true, true, Key::shown).contains("secret"));
        assert!(page(&loaded, false, false, Key::toml).contains("secret"));
    }
}
