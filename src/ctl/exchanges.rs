//! Exchanges.

use clap::{ArgAction, Subcommand};
use serde_json::{Value, json};

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, same};
use super::path::{path, with_query};
use super::values;

const EXCHANGES: Columns = Columns {
    all: &[
        same("name"),
        same("type"),
        same("durable"),
        same("auto_delete"),
        same("internal"),
        same("arguments"),
        same("policy"),
    ],
    default: 2,
};

/// An exchange that is to be.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Declaration {
    name: String,
    /// direct, fanout, topic, headers, x-consistent-hash, x-delayed-message, ...
    #[arg(long = "type", value_name = "TYPE", default_value = "direct")]
    kind: String,
    /// Does it survive a restart?
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_name = "true|false")]
    durable: bool,
    /// Is it deleted when its last binding goes?
    #[arg(long)]
    auto_delete: bool,
    /// May only other exchanges publish to it?
    #[arg(long)]
    internal: bool,
    /// An argument, like alternate-exchange=lost; may be given several times
    #[arg(long = "argument", value_name = "NAME=VALUE", value_parser = values::pair)]
    arguments: Vec<(String, Value)>,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// List exchanges
    ListExchanges {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = EXCHANGES.parser())]
        columns: Vec<String>,
    },
    /// Declare an exchange
    DeclareExchange(Declaration),
    /// Delete an exchange with its bindings
    DeleteExchange {
        name: String,
        /// Only if nothing is bound to it
        #[arg(short = 'u', long = "if-unused")]
        if_unused: bool,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        let vhost = context.vhost();
        match self {
            Self::ListExchanges { columns } => {
                let banner = format_args!("Listing exchanges for vhost {vhost} ...");
                context.out.banner(banner)?;
                EXCHANGES.print(context, path(&["exchanges", &vhost]), &columns)
            }
            Self::DeclareExchange(declaration) => {
                let name = declaration.name;
                let banner = format_args!("Declaring exchange '{name}' in vhost '{vhost}' ...");
                context.out.banner(banner)?;
                let body = json!({
                    "type": declaration.kind,
                    "durable": declaration.durable,
                    "auto_delete": declaration.auto_delete,
                    "internal": declaration.internal,
                    "arguments": values::object(declaration.arguments),
                });
                let path = path(&["exchanges", &vhost, &name]);
                let declared = context.client.put(&path, &body);
                context.in_vhost(declared).map(drop)
            }
            Self::DeleteExchange { name, if_unused } => {
                let banner = format_args!("Deleting exchange '{name}' in vhost '{vhost}' ...");
                context.out.banner(banner)?;
                let query = [("if-unused", "true")];
                let query = if if_unused { &query[..] } else { &[] };
                let path = with_query(path(&["exchanges", &vhost, &name]), query);
                let deleted = context.client.delete(&path);
                context.of(deleted, format_args!("exchange '{name}'"))
            }
        }
    }
}
