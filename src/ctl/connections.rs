//! Connections, channels and consumers.

use clap::Subcommand;
use hyper::Method;
use serde_json::Value;

use super::client::Ask;
use super::context::Context;
use super::error::Error;
use super::listing::{Columns, from, same};
use super::path::{path, with_query};

const CONNECTIONS: Columns = Columns {
    all: &[
        same("user"),
        same("peer_host"),
        same("peer_port"),
        same("state"),
        from("pid", "name"),
        same("name"),
        same("port"),
        same("host"),
        same("ssl"),
        same("ssl_protocol"),
        same("ssl_key_exchange"),
        same("ssl_cipher"),
        same("ssl_hash"),
        same("peer_cert_subject"),
        same("peer_cert_issuer"),
        same("peer_cert_validity"),
        same("channels"),
        same("protocol"),
        same("auth_mechanism"),
        same("vhost"),
        same("container_id"),
        same("timeout"),
        same("frame_max"),
        same("channel_max"),
        same("client_properties"),
        same("recv_oct"),
        same("recv_cnt"),
        same("send_oct"),
        same("send_cnt"),
        same("send_pend"),
        same("connected_at"),
    ],
    default: 4,
};

const GROUPS: Columns = Columns {
    all: &[
        same("name"),
        same("connections"),
        same("channels"),
        same("blocked"),
    ],
    default: 4,
};

const CHANNELS: Columns = Columns {
    all: &[
        from("pid", "name"),
        same("user"),
        same("consumer_count"),
        same("messages_unacknowledged"),
        from("connection", "connection_details.name"),
        same("name"),
        same("number"),
        same("vhost"),
        same("transactional"),
        same("confirm"),
        same("messages_uncommitted"),
        same("acks_uncommitted"),
        same("messages_unconfirmed"),
        same("prefetch_count"),
        same("global_prefetch_count"),
        same("state"),
    ],
    default: 4,
};

const CONSUMERS: Columns = Columns {
    all: &[
        from("queue_name", "queue.name"),
        from("channel_pid", "channel_details.name"),
        same("consumer_tag"),
        same("ack_required"),
        same("prefetch_count"),
        same("active"),
        same("arguments"),
        same("activity_status"),
        same("exclusive"),
    ],
    default: 7,
};

/// Why a connection is closed, when nothing is said.
const NO_REASON: &str = "Closed by rabbitmqctl";

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// List connections
    ListConnections {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = CONNECTIONS.parser())]
        columns: Vec<String>,
    },
    /// Count connections by what they have in common
    ListConnectionGroups {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = GROUPS.parser())]
        columns: Vec<String>,
        /// What they have in common
        #[arg(long, default_value = "user", value_parser = ["user", "product", "peer_host"])]
        by: String,
    },
    /// List channels
    ListChannels {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = CHANNELS.parser())]
        columns: Vec<String>,
    },
    /// List consumers of a vhost
    ListConsumers {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = CONSUMERS.parser())]
        columns: Vec<String>,
    },
    /// Close a connection, by its name
    CloseConnection {
        /// As in the column pid of list_connections
        #[arg(value_name = "PID")]
        name: String,
        /// What the client is told
        #[arg(default_value = NO_REASON)]
        reason: String,
    },
    /// Close all connections of a vhost, or of all vhosts
    CloseAllConnections {
        /// What the clients are told
        #[arg(default_value = NO_REASON)]
        reason: String,
        /// Close at most so many
        #[arg(long)]
        limit: Option<usize>,
        /// In all vhosts
        #[arg(long)]
        global: bool,
        #[arg(long = "per-connection-delay", hide = true)]
        per_connection_delay: Option<u64>,
    },
    /// Close all connections of a user
    CloseAllUserConnections {
        user: String,
        /// What the clients are told
        #[arg(default_value = NO_REASON)]
        reason: String,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::ListConnections { columns } => {
                context.out.banner("Listing connections ...")?;
                CONNECTIONS.print(context, path(&["connections"]), &columns)
            }
            Self::ListConnectionGroups { columns, by } => {
                context.out.banner("Listing groups of connections ...")?;
                let path = with_query(path(&["connection-groups"]), &[("by", &by)]);
                GROUPS.print(context, path, &columns)
            }
            Self::ListChannels { columns } => {
                context.out.banner("Listing channels ...")?;
                CHANNELS.print(context, path(&["channels"]), &columns)
            }
            Self::ListConsumers { columns } => {
                let vhost = context.vhost();
                let banner = format_args!("Listing consumers in vhost {vhost} ...");
                context.out.banner(banner)?;
                CONSUMERS.print(context, path(&["consumers", &vhost]), &columns)
            }
            Self::CloseConnection { name, reason } => {
                let banner = format_args!("Closing connection {name}, reason: {reason}...");
                context.out.banner(banner)?;
                let missing = || Error::NotFound(format!("there is no connection '{name}'"));
                match close(context, &name, &reason)? {
                    true => Ok(()),
                    false => Err(missing()),
                }
            }
            Self::CloseAllConnections {
                reason,
                limit,
                global,
                ..
            } => close_all(context, &reason, limit.unwrap_or(usize::MAX), global),
            Self::CloseAllUserConnections { user, reason } => {
                let banner =
                    format_args!("Closing connections of user {user}, reason: {reason}...");
                context.out.banner(banner)?;
                let rows = context
                    .client
                    .get(&path(&["connections", "username", &user]))?;
                close_each(context, &rows, &reason, usize::MAX).map(drop)
            }
        }
    }
}

fn close_all(context: &mut Context, reason: &str, limit: usize, global: bool) -> Result<(), Error> {
    let vhost = context.vhost();
    let (whose, list) = match global {
        true => ("in all vhosts".to_owned(), path(&["connections"])),
        false => (
            format!("in vhost {vhost}"),
            path(&["vhosts", &vhost, "connections"]),
        ),
    };
    let banner = format_args!("Closing all connections {whose}, reason: {reason}...");
    context.out.banner(banner)?;
    let rows = context.client.get(&list);
    let rows = context.in_vhost(rows)?;
    let closed = close_each(context, &rows, reason, limit)?;
    Ok(context
        .out
        .message(format_args!("Closed {closed} connections"))?)
}

/// Gives how many were closed.
fn close_each(context: &Context, rows: &Value, reason: &str, limit: usize) -> Result<usize, Error> {
    let mut closed = 0;
    for row in rows.as_array().into_iter().flatten().take(limit) {
        let name = row["name"].as_str().unwrap_or_default();
        closed += usize::from(close(context, name, reason)?);
    }
    Ok(closed)
}

/// False: there is no such connection, or no more.
fn close(context: &Context, name: &str, reason: &str) -> Result<bool, Error> {
    let answer = context.client.ask(&Ask {
        method: Method::DELETE,
        path: &path(&["connections", name]),
        headers: &[("x-reason", reason)],
        body: None,
    })?;
    match answer.successful() {
        Ok(_) => Ok(true),
        Err(Error::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
