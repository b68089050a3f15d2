//! Queues: list, declare, purge, delete, pause.

use clap::{ArgAction, Subcommand};
use serde_json::{Value, json};

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, from, same};
use super::path::{path, with_query};
use super::values;

const QUEUES: Columns = Columns {
    all: &[
        same("name"),
        same("messages"),
        same("durable"),
        same("auto_delete"),
        same("arguments"),
        same("policy"),
        same("operator_policy"),
        same("effective_policy_definition"),
        same("pid"),
        from("owner_pid", "owner_pid_details.name"),
        same("exclusive"),
        same("exclusive_consumer_pid"),
        same("exclusive_consumer_tag"),
        same("messages_ready"),
        same("messages_unacknowledged"),
        same("messages_ready_ram"),
        same("messages_unacknowledged_ram"),
        same("messages_ram"),
        same("messages_persistent"),
        same("message_bytes"),
        same("message_bytes_ready"),
        same("message_bytes_unacknowledged"),
        same("message_bytes_ram"),
        same("message_bytes_persistent"),
        same("head_message_timestamp"),
        same("disk_reads"),
        same("disk_writes"),
        same("consumers"),
        same("consumer_utilisation"),
        same("consumer_capacity"),
        same("memory"),
        same("state"),
        same("type"),
        same("leader"),
        same("members"),
        same("online"),
    ],
    default: 2,
};

/// Compat: how scripts ask for the queues of a node that are there, or are not.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Availability {
    #[arg(long, hide = true)]
    online: bool,
    #[arg(long, hide = true, conflicts_with = "online")]
    offline: bool,
    #[arg(long, hide = true)]
    local: bool,
}

/// A queue that is to be.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Declaration {
    name: String,
    /// classic or quorum; otherwise the vhost's default
    #[arg(long = "type", value_name = "TYPE")]
    queue_type: Option<String>,
    /// Does it survive a restart?
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_name = "true|false")]
    durable: bool,
    /// Is it deleted when its last consumer goes?
    #[arg(long)]
    auto_delete: bool,
    /// An argument, like x-max-length=1000; may be given several times
    #[arg(long = "argument", value_name = "NAME=VALUE", value_parser = values::pair)]
    arguments: Vec<(String, Value)>,
}

const GROUPS: Columns = Columns {
    all: &[
        same("name"),
        same("queues"),
        same("messages"),
        same("messages_ready"),
        same("messages_unacknowledged"),
        same("message_bytes"),
        same("consumers"),
        same("is_queue"),
    ],
    default: 3,
};

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// List queues
    ListQueues {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = QUEUES.parser())]
        columns: Vec<String>,
        #[command(flatten)]
        availability: Availability,
    },
    /// Sum queues up by the beginnings of their names
    ListQueueGroups {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = GROUPS.parser())]
        columns: Vec<String>,
        /// Only queues whose names begin with this, by what comes next in them
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
        /// What separates the parts of names: "." or "/", if nothing is said
        #[arg(long, default_value = "", hide_default_value = true)]
        separator: String,
    },
    /// List queues that do not answer; there are none
    ListUnresponsiveQueues {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = QUEUES.parser())]
        columns: Vec<String>,
        #[command(flatten)]
        availability: Availability,
    },
    /// Declare a queue
    DeclareQueue(Declaration),
    /// End the deliveries of a queue; publishers notice nothing
    PauseQueue { name: String },
    /// Let a paused queue deliver again
    ResumeQueue { name: String },
    /// Delete a queue with its messages
    DeleteQueue {
        name: String,
        /// Only if no message is in it
        #[arg(short = 'e', long = "if-empty")]
        if_empty: bool,
        /// Only if nobody consumes from it
        #[arg(short = 'u', long = "if-unused")]
        if_unused: bool,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        let vhost = context.vhost();
        match self {
            Self::ListQueues {
                columns,
                availability,
            } => {
                context.out.banner("Timeout: 60.0 seconds ...")?;
                let banner = format_args!("Listing queues for vhost {vhost} ...");
                context.out.banner(banner)?;
                match availability.offline {
                    true => QUEUES.print_rows(context, &json!([]), &columns),
                    false => QUEUES.print(context, path(&["queues", &vhost]), &columns),
                }
            }
            Self::ListQueueGroups {
                columns,
                prefix,
                separator,
            } => {
                let banner = format_args!("Listing groups of queues in vhost {vhost} ...");
                context.out.banner(banner)?;
                let path = path(&["queue-groups", &vhost]);
                let query = [("prefix", &*prefix), ("separator", &separator)];
                GROUPS.print(context, with_query(path, &query), &columns)
            }
            Self::ListUnresponsiveQueues { columns, .. } => {
                let banner = format_args!("Listing unresponsive queues for vhost {vhost} ...");
                context.out.banner(banner)?;
                QUEUES.print_rows(context, &json!([]), &columns)
            }
            Self::DeclareQueue(declaration) => declare(context, &vhost, declaration),
            Self::PauseQueue { name } => {
                let banner = format_args!("Pausing queue '{name}' in vhost '{vhost}' ...");
                context.out.banner(banner)?;
                act(context, &vhost, &name, "pause")
            }
            Self::ResumeQueue { name } => {
                let banner = format_args!("Resuming queue '{name}' in vhost '{vhost}' ...");
                context.out.banner(banner)?;
                act(context, &vhost, &name, "resume")
            }
            Self::DeleteQueue {
                name,
                if_empty,
                if_unused,
            } => delete(context, &vhost, &name, if_empty, if_unused),
        }
    }
}

fn declare(context: &mut Context, vhost: &str, declaration: Declaration) -> Result<(), Error> {
    let name = declaration.name;
    let banner = format_args!("Declaring queue '{name}' in vhost '{vhost}' ...");
    context.out.banner(banner)?;
    let mut arguments = values::object(declaration.arguments);
    if let Some(queue_type) = declaration.queue_type {
        arguments["x-queue-type"] = queue_type.into();
    }
    let body = json!({
        "durable": declaration.durable,
        "auto_delete": declaration.auto_delete,
        "arguments": arguments,
    });
    let declared = context.client.put(&path(&["queues", vhost, &name]), &body);
    context.in_vhost(declared).map(drop)
}

fn act(context: &Context, vhost: &str, name: &str, action: &str) -> Result<(), Error> {
    let path = path(&["queues", vhost, name, action]);
    let done = context.client.put(&path, &json!({}));
    context.of(done, format_args!("queue '{name}'")).map(drop)
}

fn delete(
    context: &mut Context,
    vhost: &str,
    name: &str,
    if_empty: bool,
    if_unused: bool,
) -> Result<(), Error> {
    let conditions = match (if_empty, if_unused) {
        (false, false) => "",
        (true, false) => " if queue is empty",
        (false, true) => " if queue is unused",
        (true, true) => " if queue is empty and if queue is unused",
    };
    let banner = format_args!("Deleting queue '{name}' on vhost '{vhost}'{conditions} ...");
    context.out.banner(banner)?;
    let path = path(&["queues", vhost, name]);
    let counted = with_query(path.clone(), &[("columns", "messages_ready")]);
    let queue = context.client.get(&counted);
    let queue = context.of(queue, format_args!("queue '{name}'"))?;
    let ready = queue["messages_ready"].as_u64().unwrap_or_default();
    let mut query = Vec::new();
    query.extend(if_empty.then_some(("if-empty", "true")));
    query.extend(if_unused.then_some(("if-unused", "true")));
    let deleted = context.client.delete(&with_query(path, &query));
    context.of(deleted, format_args!("queue '{name}'"))?;
    let text = format!("Queue was successfully deleted with {ready} ready messages");
    Ok(context.out.message(text)?)
}
