//! What a command prints, in the shape that the operator asked for.
//!
//! Compat: banner lines, a header, values separated by tabs, as rabbitmqctl prints them. `--quiet`
//! leaves out the banner, `--silent` the header too.

mod csv;
mod json;
mod pretty;
mod table;
mod value;

use std::fmt::Display;
use std::io::{self, StdoutLock, Write};

use clap::ValueEnum;
use serde_json::{Value, json};

pub(super) use value::plain;

/// The shapes of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Formatter {
    /// Values separated by tabs
    Table,
    /// A table with lines, as wide as the terminal
    #[value(name = "pretty_table")]
    PrettyTable,
    /// Comma-separated values
    Csv,
    /// JSON
    Json,
}

/// How commands print.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Print results only, no lines about what is being done
    #[arg(short, long, global = true)]
    quiet: bool,
    /// The same, and no header
    #[arg(short, long, global = true)]
    silent: bool,
    /// The shape of the output
    #[arg(
        long,
        value_enum,
        value_name = "SHAPE",
        global = true,
        default_value = "table"
    )]
    formatter: Formatter,
    /// The same as --formatter json
    #[arg(long, global = true)]
    json: bool,
    /// Print no header
    #[arg(long, global = true)]
    no_table_headers: bool,
    #[arg(long, global = true, hide = true, overrides_with = "no_table_headers")]
    table_headers: bool,
}

/// Where a command's results go.
pub(super) struct Output<W: Write = StdoutLock<'static>> {
    formatter: Formatter,
    banners: bool,
    headers: bool,
    messages: bool,
    /// Has anything been printed that answers the command?
    answered: bool,
    out: W,
}

impl Output {
    /// To the standard output.
    pub(super) fn new(args: &Args) -> Self {
        Self::to(args, io::stdout().lock())
    }
}

impl<W: Write> Output<W> {
    fn to(args: &Args, out: W) -> Self {
        let formatter = match args.json {
            true => Formatter::Json,
            false => args.formatter,
        };
        let for_people = matches!(formatter, Formatter::Table | Formatter::PrettyTable);
        Self {
            formatter,
            banners: for_people && !args.quiet && !args.silent,
            headers: !args.silent && !args.no_table_headers,
            messages: !args.silent,
            answered: false,
            out,
        }
    }

    /// Are results for programs to read?
    pub(super) fn is_json(&self) -> bool {
        self.formatter == Formatter::Json
    }

    /// Says what is going to be done.
    pub(super) fn banner(&mut self, text: impl Display) -> io::Result<()> {
        match self.banners {
            true => writeln!(self.out, "{text}"),
            false => Ok(()),
        }
    }

    /// Prints rows, each with a value per column.
    pub(super) fn rows(&mut self, columns: &[&str], rows: &[Vec<Value>]) -> io::Result<()> {
        self.answered = true;
        let headers = self.headers;
        match self.formatter {
            Formatter::Table => table::write(&mut self.out, headers, columns, rows),
            Formatter::PrettyTable => pretty::write(&mut self.out, headers, columns, rows),
            Formatter::Csv => csv::write(&mut self.out, headers, columns, rows),
            Formatter::Json => json::write(&mut self.out, columns, rows),
        }
    }

    /// Prints a result that is no table: `text` for people, `value` for programs.
    pub(super) fn answer(&mut self, value: &Value, text: impl Display) -> io::Result<()> {
        self.answered = true;
        match self.formatter {
            Formatter::Json => writeln!(self.out, "{value:#}"),
            _ => writeln!(self.out, "{text}"),
        }
    }

    /// Prints a document as it is, whatever the shape.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.answered = true;
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Prints one of many results as it comes: an object for programs, a row for people.
    pub(super) fn line(&mut self, value: &Value, row: &[Value]) -> io::Result<()> {
        self.answered = true;
        match self.formatter {
            Formatter::Json => writeln!(self.out, "{value}")?,
            _ => table::write(&mut self.out, false, &[], &[row.to_vec()])?,
        }
        self.out.flush()
    }

    /// Says how it went, unless nobody wants to know.
    pub(super) fn message(&mut self, text: impl Display) -> io::Result<()> {
        match self.formatter {
            Formatter::Json => {
                let text = text.to_string();
                self.answer(&json!({"result": "ok", "message": text}), "")
            }
            _ if self.messages => writeln!(self.out, "{text}"),
            _ => Ok(()),
        }
    }

    /// Prints what was kept back; programs hear of a success that has no result.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.is_json() && !self.answered {
            self.answer(&json!({"result": "ok"}), "")?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn check(flags: &str, expected: &str) {
        let line = Line::parse_from(["x"].into_iter().chain(flags.split_whitespace()));
        let mut out = Vec::new();
        let mut output = Output::to(&line.args, &mut out);
        output.banner("Listing ...").unwrap();
        let row = vec![
            json!("a\tb"),
            json!(1),
            json!({"x-max": 2, "x": ["y"]}),
            json!(["t"]),
        ];
        let columns = ["name", "n", "arguments", "tags"];
        output.rows(&columns, &[row]).unwrap();
        output.finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{flags}");
    }

    #[test]
    fn tables_are_separated_by_tabs() {
        let row = "a\\tb\t1\t[{\"x\",[\"y\"]},{\"x-max\",2}]\t[t]\n";
        let header = "name\tn\targuments\ttags\n";
        check("", &format!("Listing ...\n{header}{row}"));
        check("-q", &format!("{header}{row}"));
        check("--silent", row);
        check("-q --no-table-headers", row);
    }

    #[test]
    fn programs_get_no_banner() {
        check(
            "--json",
            "[\n{\"name\":\"a\\tb\",\"n\":1,\"arguments\":{\"x\":[\"y\"],\"x-max\":2},\"tags\":[\"t\"]}\n]\n",
        );
        check(
            "--formatter csv",
            "\"name\",\"n\",\"arguments\",\"tags\"\n\"a\tb\",\"1\",\"{\"\"x\"\":[\"\"y\"\"],\"\"x-max\"\":2}\",\"[\"\"t\"\"]\"\n",
        );
    }

    #[test]
    fn pretty_tables_have_lines() {
        let line = Line::parse_from(["x", "--formatter", "pretty_table", "-q"]);
        let mut out = Vec::new();
        let mut output = Output::to(&line.args, &mut out);
        output.rows(&["name"], &[vec![json!("q")]]).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, "┌──────┐\n│ name │\n├──────┤\n│ q    │\n└──────┘\n");
    }

    #[test]
    fn success_without_a_result_is_told_to_programs_only() {
        let finish = |flags: &[&str]| {
            let line = Line::parse_from(["x"].iter().chain(flags));
            let mut out = Vec::new();
            Output::to(&line.args, &mut out).finish().unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(finish(&[]), "");
        assert_eq!(finish(&["--json"]), "{\n  \"result\": \"ok\"\n}\n");
    }
}
