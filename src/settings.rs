//! Which settings a command of this program goes by: the same for all of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ferrymq_broker::config::{self, Loaded, Override, Problems};

/// Where the configuration of an installed broker is.
const INSTALLED: &str = "/etc/ferrymq";
/// Compat: where containers that were made for RabbitMQ say where it is.
const RABBITMQ_VARIABLE: &str = "RABBITMQ_CONFIG_FILE";

/// Where settings come from.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Sources {
    /// A configuration file, in TOML or as rabbitmq.conf, or a directory of them [default: /etc/ferrymq, if it is there]
    #[arg(long, value_name = "PATH", env = "FERRYMQ_CONFIG")]
    config: Option<PathBuf>,
    /// Any setting, for example amqp.heartbeat=30; may be given again
    #[arg(long = "set", value_name = "SETTING=VALUE", value_parser = assignment)]
    assignments: Vec<(String, String)>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("it has the form SETTING=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl Sources {
    /// Settings from a certain place; `None`: from where they usually are.
    pub(crate) fn at(place: Option<PathBuf>) -> Self {
        Self {
            config: place,
            assignments: Vec::new(),
        }
    }

    /// Reads them all; `flags` win over everything else.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn load(&self, flags: &[Override]) -> Result<Loaded, Problems> {
        config::load(
            self.place().as_deref(),
            environment(),
            &self.overrides(flags),
        )
    }

    /// Looks at flags alone.
    ///
    /// # Errors
    /// When one of them names no setting or a value that it can't hold.
    pub(crate) fn check(&self, flags: &[Override]) -> Result<(), Problems> {
        config::load(None, [], &self.overrides(flags)).map(drop)
    }

    fn overrides(&self, flags: &[Override]) -> Vec<Override> {
        let given = self.assignments.iter().cloned();
        let given = given.map(|(key, value)| Override {
            key,
            flag: "--set",
            value,
        });
        given.chain(flags.iter().cloned()).collect()
    }

    /// The file or directory that counts.
    pub(crate) fn place(&self) -> Option<PathBuf> {
        let named = || std::env::var_os(RABBITMQ_VARIABLE).map(rabbitmq_file);
        let installed = || Some(PathBuf::from(INSTALLED)).filter(|place| place.is_dir());
        self.config.clone().or_else(named).or_else(installed)
    }
}

/// Compat: the name may lack its last part.
fn rabbitmq_file(name: OsString) -> PathBuf {
    let path = PathBuf::from(name);
    match path.extension() {
        Some(_) => path,
        None => path.with_extension("conf"),
    }
}

/// The environment; what is not UTF-8 is no setting.
fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text)
}

/// The files that were read, for people.
pub(crate) fn listed(files: &[PathBuf]) -> String {
    let names = files.iter().map(|file| Path::display(file).to_string());
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrymq_broker::config::{Config, Effect};

    #[test]
    fn the_documentation_lists_every_setting() {
        let defaults = Config {
            node_name: "ferrymq@HOST".to_owned(),
            ..Config::default()
        };
        let row = |key: &config::Key| {
            let live = if key.live { "yes" } else { "" };
            let default = key.toml(&defaults);
            format!(
                "| `{}` | `{default}` | {live} | {} |\n",
                key.name, key.about
            )
        };
        let expected: String = config::keys().iter().map(row).collect();
        let page = include_str!("../docs/configuration.md");
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        let found: String = rows.map(|line| format!("{line}\n")).collect();
        assert!(found == expected, "the table should be:\n{expected}");
    }

    #[test]
    fn the_documentation_lists_every_name_of_rabbitmq() {
        let pages = [
            (
                include_str!("../docs/rabbitmq-conf.md"),
                config::rabbitmq_conf_keys(),
            ),
            (
                include_str!("../docs/rabbitmq-variables.md"),
                config::rabbitmq_variables(),
            ),
        ];
        for (page, rows) in pages {
            let row = |row: &config::Row| {
                let effect = match row.effect {
                    Effect::Same(setting) => format!("`{setting}`"),
                    Effect::Sets { setting, .. } => format!("`{setting}`"),
                    Effect::Nothing(why) => format!("no effect: {why}"),
                };
                format!("| `{}` | {effect} |\n", row.name)
            };
            let expected: String = rows.iter().map(row).collect();
            let found = page.lines().filter(|line| line.starts_with("| `"));
            let found: String = found.map(|line| format!("{line}\n")).collect();
            assert!(found == expected, "the table should be:\n{expected}");
        }
    }

    #[test]
    fn assignments_have_a_name_and_a_value() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(assignment("a.b = c=d"), pair("a.b", "c=d"));
        assert!(assignment("a.b").is_err());
    }

    #[test]
    fn the_file_of_rabbitmq_may_lack_its_last_part() {
        let check = |name: &str, path: &str| {
            assert_eq!(rabbitmq_file(name.into()), Path::new(path));
        };
        check("/etc/rabbitmq/rabbitmq", "/etc/rabbitmq/rabbitmq.conf");
        check("/etc/rabbitmq/my.conf", "/etc/rabbitmq/my.conf");
    }
}
