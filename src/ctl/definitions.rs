//! Definitions: everything but messages, as one JSON document.

use std::fs;
use std::io::{self, Read as _};

use clap::Subcommand;
use hyper::Method;

use super::client::Ask;
use super::context::Context;
use super::error::Error;
use super::path::path;
use super::values;

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
        /// Import nothing if the same document was imported last
        #[arg(long = "skip-if-unchanged")]
        skip_if_unchanged: bool,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::ExportDefinitions { file, .. } => export(context, &file),
            Self::ImportDefinitions { file, .. } => import(context, &file),
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

fn import(context: &mut Context, file: &str) -> Result<(), Error> {
    let banner = match file {
        STANDARD => "Importing definitions in JSON from standard input ...".to_owned(),
        file => format!("Importing definitions in JSON from a file at \"{file}\" ..."),
    };
    context.out.banner(banner)?;
    let document = values::document(&read(file)?, file)?;
    let answer = context.client.ask(&Ask {
        method: Method::POST,
        path: &endpoint(context),
        headers: &[],
        body: Some(&document),
    })?;
    context.in_vhost(answer.successful())?;
    Ok(context.out.message(
        "Successfully started definition import. This process is asynchronous and can take some \
         time.",
    )?)
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
