//! Definitions: everything but messages, as one JSON document.

use std::fs;
use std::io::{self, Read as _};

use clap::Subcommand;
use serde_json::Value;

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, json, same};
use super::path::{path, with_query};
use super::values;

const CHANGES: Columns = Columns {
    all: &[
        same("change"),
        same("section"),
        same("vhost"),
        same("name"),
        same("reason"),
        json("before", "before"),
        json("after", "after"),
    ],
    default: 7,
};

/// Stands for the standard input and output.
const STANDARD: &str = "-";

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// Write the definitions of all vhosts, or of one (--vhost), to a file
    ExportDefinitions {
        /// "-": the standard output
        #[arg(default_value = STANDARD)]
        file: String,
        #[arg(long, hide = true, value_parser = ["json"])]
        format: Option<String>,
    },
    /// Take over the definitions in a file, for all vhosts or for one (--vhost)
    ImportDefinitions {
        /// "-": the standard input
        #[arg(default_value = STANDARD)]
        file: String,
        #[arg(long, hide = true, value_parser = ["json"])]
        format: Option<String>,
        /// Import nothing if the broker has all of it already
        #[arg(long = "skip-if-unchanged")]
        skip_if_unchanged: bool,
        /// Import nothing: list what would be added, changed, left out and refused
        #[arg(long = "dry-run")]
        dry_run: bool,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::ExportDefinitions { file, .. } => export(context, &file),
            Self::ImportDefinitions {
                file,
                dry_run: true,
                ..
            } => compare(context, &file),
            Self::ImportDefinitions {
                file,
                skip_if_unchanged,
                ..
            } => import(context, &file, skip_if_unchanged),
        }
    }
}

/// All vhosts, or the one that is named.
fn endpoint(context: &Context) -> String {
    match &context.vhost {
        Some(vhost) => path(&["definitions", vhost]),
        None => path(&["definitions"]),
    }
}

fn export(context: &mut Context, file: &str) -> Result<(), Error> {
    let document = context.client.get(&endpoint(context));
    let document = context.in_vhost(document)?;
    let text = format!("{document:#}\n");
    if file == STANDARD {
        return Ok(context.out.raw(text.as_bytes())?);
    }
    let banner = format_args!("Exporting definitions in JSON to a file at \"{file}\" ...");
    context.out.banner(banner)?;
    fs::write(file, text).map_err(|error| Error::File {
        path: file.to_owned(),
        error,
    })
}

fn import(context: &mut Context, file: &str, skip_if_unchanged: bool) -> Result<(), Error> {
    let banner = match file {
        STANDARD => "Importing definitions in JSON from standard input ...".to_owned(),
        file => format!("Importing definitions in JSON from a file at \"{file}\" ..."),
    };
    context.out.banner(banner)?;
    let document = values::document(&read(file)?, file)?;
    if skip_if_unchanged {
        let plan = plan(context, &document)?;
        let changes = |kind: &str| plan[kind].as_array().is_some_and(|list| !list.is_empty());
        if !["added", "changed", "refused"].into_iter().any(changes) {
            let text = "Nothing to import: the broker has all of it already";
            return Ok(context.out.message(text)?);
        }
    }
    let imported = context.client.post(&endpoint(context), &document);
    context.in_vhost(imported)?;
    Ok(context.out.message("Successfully imported definitions.")?)
}

/// What an import would do, object by object.
fn compare(context: &mut Context, file: &str) -> Result<(), Error> {
    let banner = "Comparing definitions with those of the broker ...";
    context.out.banner(banner)?;
    let document = values::document(&read(file)?, file)?;
    let plan = plan(context, &document)?;
    let mut rows = Vec::new();
    for kind in ["added", "changed", "skipped", "refused"] {
        for change in plan[kind].as_array().into_iter().flatten() {
            let mut row = change.clone();
            row["change"] = kind.into();
            rows.push(row);
        }
    }
    let refused = plan["refused"].as_array().map_or(0, Vec::len);
    CHANGES.print_rows(context, &rows.into(), &[])?;
    match refused {
        0 => Ok(()),
        _ => Err(Error::Refused(format!(
            "{refused} definitions would be refused, and so all"
        ))),
    }
}

fn plan(context: &Context, document: &Value) -> Result<Value, Error> {
    let path = with_query(endpoint(context), &[("dry_run", "true")]);
    let plan = context.client.post(&path, document);
    context.in_vhost(plan)?.json()
}

fn read(file: &str) -> Result<String, Error> {
    let mut text = String::new();
    let read = match file {
        STANDARD => io::stdin().read_to_string(&mut text).map(drop),
        file => fs::read_to_string(file).map(|found| text = found),
    };
    read.map_err(|error| Error::File {
        path: file.to_owned(),
        error,
    })?;
    Ok(text)
}
