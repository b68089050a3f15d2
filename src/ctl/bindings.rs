//! Bindings.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, always, from, same};
use super::output::plain;
use super::path::{path, with_query};
use super::values;

const BINDINGS: Columns = Columns {
    all: &[
        from("source_name", "source"),
        always("source_kind", "exchange"),
        from("destination_name", "destination"),
        from("destination_kind", "destination_type"),
        same("routing_key"),
        same("arguments"),
    ],
    default: 6,
};

/// What an exchange is bound to.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    Queue,
    Exchange,
}

/// A binding.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Binding {
    /// The exchange that messages come from
    source: String,
    /// The queue or exchange that they go to
    destination: String,
    /// What the destination is
    #[arg(long, value_enum, default_value = "queue")]
    to: Kind,
    #[arg(short = 'k', long, default_value = "")]
    routing_key: String,
    /// An argument, like x-match=any; may be given several times
    #[arg(long = "argument", value_name = "NAME=VALUE", value_parser = values::pair)]
    arguments: Vec<(String, Value)>,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// List bindings
    ListBindings {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = BINDINGS.parser())]
        columns: Vec<String>,
    },
    /// Bind a queue or an exchange to an exchange
    Bind(Binding),
    /// Remove a binding
    Unbind(Binding),
    /// Which queues would a message reach, and by which bindings? Nothing is published
    Route {
        exchange: String,
        routing_key: String,
        /// A header, like n=1; may be given several times
        #[arg(long = "header", value_name = "NAME=VALUE", value_parser = values::pair)]
        headers: Vec<(String, Value)>,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        let vhost = context.vhost();
        match self {
            Self::ListBindings { columns } => {
                let banner = format_args!("Listing bindings for vhost {vhost}...");
                context.out.banner(banner)?;
                BINDINGS.print(context, path(&["bindings", &vhost]), &columns)
            }
            Self::Bind(binding) => {
                let banner = format_args!("Binding {} ...", binding.described());
                context.out.banner(banner)?;
                let body = json!({
                    "routing_key": binding.routing_key,
                    "arguments": values::object(binding.arguments.clone()),
                });
                let bound = context.client.post(&path(&binding.segments(&vhost)), &body);
                let ends = format!(
                    "exchange '{}' or {} '{}'",
                    binding.source,
                    binding.to.word(),
                    binding.destination
                );
                context.of(bound, ends).map(drop)
            }
            Self::Unbind(binding) => {
                let banner = format_args!("Unbinding {} ...", binding.described());
                context.out.banner(banner)?;
                unbind(context, &vhost, binding)
            }
            Self::Route {
                exchange,
                routing_key,
                headers,
            } => {
                let banner = format_args!("Routing '{routing_key}' from exchange '{exchange}' ...");
                context.out.banner(banner)?;
                route(context, &exchange, &routing_key, values::object(headers))
            }
        }
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Exchange => "exchange",
        }
    }

    /// As in the API's paths.
    fn letter(self) -> &'static str {
        match self {
            Self::Queue => "q",
            Self::Exchange => "e",
        }
    }
}

impl Binding {
    fn described(&self) -> String {
        let kind = self.to.word();
        let (destination, source) = (&self.destination, &self.source);
        let key = &self.routing_key;
        format!("{kind} '{destination}' to exchange '{source}' with routing key '{key}'")
    }

    fn segments<'a>(&'a self, vhost: &'a str) -> [&'a str; 6] {
        let (source, letter) = (named(&self.source), self.to.letter());
        ["bindings", vhost, "e", source, letter, &self.destination]
    }
}

fn route(context: &mut Context, exchange: &str, key: &str, headers: Value) -> Result<(), Error> {
    let vhost = context.vhost();
    let path = path(&["exchanges", &vhost, named(exchange), "route"]);
    let headers = headers.to_string();
    let path = with_query(path, &[("routing_key", key), ("headers", &headers)]);
    let found = context.client.get(&path);
    let found = context.of(found, format_args!("exchange '{exchange}'"))?;
    let mut text = String::new();
    for step in found["steps"].as_array().into_iter().flatten() {
        let said = |field: &str| plain(&step[field]);
        let (kind, to) = (said("type"), said("destination"));
        text += &format!(
            "{}\t{kind}\t{to}\t{}\n",
            said("source"),
            said("routing_key")
        );
    }
    text += &format!("queues: {}", plain(&found["queues"]));
    Ok(context.out.answer(&found, text)?)
}

/// The name of an exchange in paths.
fn named(exchange: &str) -> &str {
    match exchange {
        "" => "amq.default",
        exchange => exchange,
    }
}

/// Finds the binding among those of its ends, which alone know its name.
fn unbind(context: &Context, vhost: &str, binding: Binding) -> Result<(), Error> {
    let segments = binding.segments(vhost);
    let found = context.client.get(&path(&segments));
    let what = format!("binding of {}", binding.described());
    let found = context.of(found, &what)?;
    let arguments = values::object(binding.arguments.clone());
    let wanted =
        |row: &&Value| row["routing_key"] == *binding.routing_key && row["arguments"] == arguments;
    let found = found.as_array().into_iter().flatten().find(wanted);
    let key = found.and_then(|row| row["properties_key"].as_str());
    let missing = || Error::NotFound(format!("there is no {what} in virtual host '{vhost}'"));
    let key = key.ok_or_else(missing)?;
    let mut segments = segments.to_vec();
    segments.push(key);
    context.of(context.client.delete(&path(&segments)), &what)
}
