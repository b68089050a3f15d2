//! Holds `docs/command-line.md` to the commands that there are.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _};

use crate::CommandLine;

/// The lines around the part of the document that is made from the commands.
const BEGIN: &str = "<!-- The rest of this page is made from the commands themselves -->\n";

#[test]
fn every_command_is_documented() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/command-line.md");
    let document = std::fs::read_to_string(&file).unwrap();
    let (by_hand, found) = document.split_once(BEGIN).unwrap();
    let expected = reference();
    if std::env::var_os("FERRYMQ_WRITE_DOCS").is_some() {
        std::fs::write(&file, format!("{by_hand}{BEGIN}{expected}")).unwrap();
    } else {
        let hint = "write docs/command-line.md anew: FERRYMQ_WRITE_DOCS=1 cargo test documented";
        assert!(found == expected, "{hint}");
    }
}

/// A table of all commands, then the columns of lists.
fn reference() -> String {
    let mut program = CommandLine::command();
    program.build();
    let ctl = program.find_subcommand("ctl").unwrap();
    let mut text = String::from("\n## Flags of every command\n\n| Flag | |\n|---|---|\n");
    for flag in ctl
        .get_arguments()
        .filter(|arg| is_shown(arg) && is_global(arg))
    {
        let _ = writeln!(text, "| `{}` | {} |", form(flag, true), about(flag));
    }
    text.push_str("\n## Commands\n\n| Command | |\n|---|---|\n");
    let commands = || {
        ctl.get_subcommands()
            .filter(|command| !command.is_hide_set())
    };
    for command in commands() {
        let _ = writeln!(text, "| `{}` | {} |", usage(command), described(command));
    }
    text.push_str("\n## Columns\n");
    for command in commands() {
        if let Some(columns) = columns(command) {
            let _ = write!(text, "\n`{}`: {columns}.\n", command.get_name());
        }
    }
    text
}

fn usage(command: &Command) -> String {
    let mut usage = command.get_name().to_owned();
    for argument in command
        .get_arguments()
        .filter(|arg| is_shown(arg) && !is_global(arg))
    {
        let form = form(argument, false);
        let _ = match argument.is_required_set() {
            true => write!(usage, " {form}"),
            false => write!(usage, " [{form}]"),
        };
    }
    // A bar would end the cell.
    usage.replace('|', "\\|")
}

fn described(command: &Command) -> String {
    let mut text = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    for argument in command
        .get_arguments()
        .filter(|arg| is_shown(arg) && !is_global(arg))
    {
        let about = about(argument);
        if !about.is_empty() {
            let _ = write!(text, "<br>`{}`: {about}", form(argument, false));
        }
    }
    let aliases: Vec<_> = command.get_visible_aliases().collect();
    if !aliases.is_empty() {
        let _ = write!(text, "<br>Also called `{}`", aliases.join("`, `"));
    }
    text.replace('|', "\\|")
}

/// As it is typed; with `short` the short form too.
fn form(argument: &Arg, short: bool) -> String {
    let values = argument.get_value_names().unwrap_or_default();
    let value = values
        .first()
        .map(|name| name.to_string())
        .unwrap_or_default();
    let Some(long) = argument.get_long() else {
        let dots = match argument.get_num_args() {
            Some(number) if number.max_values() > 1 => "...",
            _ => "",
        };
        return format!("{value}{dots}");
    };
    let mut form = format!("--{long}");
    if let Some(short) = argument.get_short().filter(|_| short) {
        form = format!("-{short}, {form}");
    }
    match argument.get_action().takes_values() {
        true => format!("{form} {value}"),
        false => form,
    }
}

fn about(argument: &Arg) -> String {
    argument
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// The columns that a list can show.
fn columns(command: &Command) -> Option<String> {
    let argument = command
        .get_arguments()
        .find(|arg| arg.get_id() == "columns")?;
    let values = argument.get_possible_values();
    let names = values.iter().map(|value| format!("`{}`", value.get_name()));
    Some(names.collect::<Vec<_>>().join(", "))
}

fn is_shown(argument: &Arg) -> bool {
    !argument.is_hide_set() && !matches!(argument.get_id().as_str(), "help" | "version")
}

fn is_global(argument: &Arg) -> bool {
    argument.is_global_set()
}

#[test]
fn flags_are_written_with_hyphens() {
    let mut program = CommandLine::command();
    program.build();
    let ctl = program.find_subcommand("ctl").unwrap();
    for command in ctl.get_subcommands() {
        for flag in command.get_arguments().filter_map(Arg::get_long) {
            assert!(!flag.contains('_'), "{} --{flag}", command.get_name());
        }
    }
}
