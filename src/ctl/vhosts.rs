//! Virtual hosts.

use clap::Subcommand;
use serde_json::{Value, json};

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, json, same};
use super::path::path;

const VHOSTS: Columns = Columns {
    all: &[
        same("name"),
        same("description"),
        same("tags"),
        same("default_queue_type"),
        same("protected_from_deletion"),
        same("tracing"),
        same("cluster_state"),
        json("metadata", "metadata"),
        same("messages"),
        same("messages_ready"),
        same("messages_unacknowledged"),
    ],
    default: 1,
};

/// What is kept about a vhost beside its name.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Metadata {
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Words, separated by commas
    #[arg(long, value_name = "TAG,...")]
    tags: Option<String>,
    /// The type of queues whose declaration does not say
    #[arg(long, value_name = "TYPE")]
    default_queue_type: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// List vhosts
    ListVhosts {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = VHOSTS.parser())]
        columns: Vec<String>,
    },
    /// Create a vhost
    AddVhost {
        name: String,
        #[command(flatten)]
        metadata: Metadata,
    },
    /// Delete a vhost with everything in it
    DeleteVhost { name: String },
    /// Change what is kept about a vhost
    UpdateVhostMetadata {
        name: String,
        #[command(flatten)]
        metadata: Metadata,
    },
    /// Give a vhost these tags instead of those it has
    SetVhostTags { name: String, tags: Vec<String> },
    /// Refuse to delete a vhost, until that is disabled again
    EnableVhostDeletionProtection { name: String },
    /// Let a vhost be deleted again
    DisableVhostDeletionProtection { name: String },
    /// Start a vhost that failed
    RestartVhost,
    /// Copy everything that is published and delivered in a vhost to amq.rabbitmq.trace
    TraceOn,
    /// End trace_on
    TraceOff,
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::ListVhosts { columns } => {
                context.out.banner("Listing vhosts ...")?;
                VHOSTS.print(context, path(&["vhosts"]), &columns)
            }
            Self::AddVhost { name, metadata } => {
                context
                    .out
                    .banner(format_args!("Adding vhost \"{name}\" ..."))?;
                let body = metadata.body();
                context.client.put(&path(&["vhosts", &name]), &body)?;
                Ok(())
            }
            Self::DeleteVhost { name } => {
                context
                    .out
                    .banner(format_args!("Deleting vhost \"{name}\" ..."))?;
                of(context.client.delete(&path(&["vhosts", &name])), &name)
            }
            Self::UpdateVhostMetadata { name, metadata } => {
                let banner = format_args!("Updating metadata of vhost \"{name}\" ...");
                context.out.banner(banner)?;
                change(context, &name, &metadata.body())
            }
            Self::SetVhostTags { name, tags } => {
                let list = tags.join(", ");
                let banner = format_args!("Setting tags for vhost \"{name}\" to [{list}] ...");
                context.out.banner(banner)?;
                change(context, &name, &json!({ "tags": tags }))
            }
            Self::EnableVhostDeletionProtection { name } => {
                let banner = format_args!("Protecting vhost \"{name}\" from deletion ...");
                context.out.banner(banner)?;
                let path = path(&["vhosts", &name, "deletion", "protection"]);
                of(context.client.post(&path, &json!({})), &name).map(drop)
            }
            Self::DisableVhostDeletionProtection { name } => {
                let banner = format_args!("Letting vhost \"{name}\" be deleted again ...");
                context.out.banner(banner)?;
                let path = path(&["vhosts", &name, "deletion", "protection"]);
                of(context.client.delete(&path), &name)
            }
            Self::RestartVhost => {
                let (vhost, node) = (context.vhost(), context.node()?);
                let banner = format_args!("Trying to restart vhost '{vhost}' on node '{node}' ...");
                context.out.banner(banner)?;
                let path = path(&["vhosts", &vhost, "start", &node]);
                let started = context.client.post(&path, &json!({}));
                context.in_vhost(started)?;
                let text = format!("Successfully restarted vhost '{vhost}' on node '{node}'");
                Ok(context.out.message(text)?)
            }
            Self::TraceOn => trace(context, true),
            Self::TraceOff => trace(context, false),
        }
    }
}

impl Metadata {
    fn body(&self) -> Value {
        let mut body = json!({});
        if let Some(description) = &self.description {
            body["description"] = description.as_str().into();
        }
        if let Some(tags) = &self.tags {
            body["tags"] = tags.as_str().into();
        }
        if let Some(queue_type) = &self.default_queue_type {
            body["default_queue_type"] = queue_type.as_str().into();
        }
        body
    }
}

fn trace(context: &mut Context, on: bool) -> Result<(), Error> {
    let vhost = context.vhost();
    let (doing, done) = match on {
        true => ("Starting", "enabled"),
        false => ("Stopping", "disabled"),
    };
    let banner = format_args!("{doing} tracing for vhost \"{vhost}\" ...");
    context.out.banner(banner)?;
    change(context, &vhost, &json!({ "tracing": on }))?;
    let text = format!("Trace {done} for vhost {vhost}");
    Ok(context.out.message(text)?)
}

/// Puts `changes` over what is kept about a vhost that is there.
fn change(context: &Context, name: &str, changes: &Value) -> Result<(), Error> {
    let path = path(&["vhosts", name]);
    let before = of(context.client.get(&path), name)?;
    let mut body = json!({});
    for field in ["description", "tags", "default_queue_type", "tracing"] {
        let value = match &changes[field] {
            Value::Null => &before[field],
            value => value,
        };
        if !value.is_null() {
            body[field] = value.clone();
        }
    }
    context.client.put(&path, &body).map(drop)
}

/// `outcome`, but what was not found is the vhost `name`.
fn of<T>(outcome: Result<T, Error>, name: &str) -> Result<T, Error> {
    outcome.map_err(|error| match error {
        Error::NotFound(_) => Error::NoSuchVHost(name.to_owned()),
        error => error,
    })
}
