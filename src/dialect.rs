//! The names that scripts know: called as one of RabbitMQ's tools, the program takes that tool's
//! commands. A thin table on top of `ctl`.

use std::ffi::OsString;
use std::path::Path;

/// A tool of RabbitMQ's.
struct Tool {
    name: &'static str,
    /// Our command that takes what comes after the name.
    command: &'static str,
    /// Commands of the tool that have a longer name among ours.
    renamed: &'static [(&'static str, &'static str)],
}

const TOOLS: [Tool; 6] = [
    tool("rabbitmqctl", "ctl", &[]),
    tool("rabbitmq-diagnostics", "ctl", &[]),
    tool("rabbitmq-queues", "ctl", &[]),
    tool("rabbitmq-upgrade", "ctl", &[]),
    tool(
        "rabbitmq-plugins",
        "ctl",
        &[
            ("list", "list_plugins"),
            ("enable", "enable_plugins"),
            ("disable", "disable_plugins"),
            ("set", "enable_plugins"),
            ("directories", "list_plugins"),
        ],
    ),
    tool("rabbitmq-server", "serve", &[]),
];

const fn tool(
    name: &'static str,
    command: &'static str,
    renamed: &'static [(&'static str, &'static str)],
) -> Tool {
    Tool {
        name,
        command,
        renamed,
    }
}

/// The command line in our own words.
pub(crate) fn translate(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = arguments.into_iter().collect();
    let name = arguments
        .first()
        .and_then(|path| Path::new(path).file_name());
    let Some(tool) = TOOLS
        .iter()
        .find(|tool| name.is_some_and(|name| name == tool.name))
    else {
        return arguments;
    };
    let renamed = |argument: &OsString| {
        let found = tool.renamed.iter().find(|(name, _)| argument == name);
        found.map(|(_, name)| OsString::from(name))
    };
    // The tool's command comes first, but for flags.
    if let Some((place, name)) = (1..)
        .zip(&arguments[1..])
        .find_map(|(place, argument)| Some((place, renamed(argument)?)))
    {
        arguments[place] = name;
    }
    arguments.insert(1, tool.command.into());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let translated = translate(line.split(' ').map(OsString::from));
        let translated: Vec<_> = translated
            .iter()
            .map(|word| word.to_str().unwrap())
            .collect();
        assert_eq!(translated.join(" "), expected);
    }

    #[test]
    fn tools_are_known_by_their_names() {
        check("ferrymq ctl list_queues", "ferrymq ctl list_queues");
        check(
            "/sbin/rabbitmqctl -q list_queues",
            "/sbin/rabbitmqctl ctl -q list_queues",
        );
        check("rabbitmqctl list", "rabbitmqctl ctl list");
        check(
            "rabbitmq-plugins -n a@b enable list",
            "rabbitmq-plugins ctl -n a@b enable_plugins list",
        );
        check("rabbitmq-server", "rabbitmq-server serve");
    }
}
