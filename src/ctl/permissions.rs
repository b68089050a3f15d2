//! Permissions: what users may do in a vhost.

use clap::Subcommand;
use serde_json::{Value, json};

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, same};
use super::path::path;
use super::users::known;

const OF_VHOST: Columns = Columns {
    all: &[same("user"), same("configure"), same("write"), same("read")],
    default: 4,
};
const OF_USER: Columns = Columns {
    all: &[
        same("vhost"),
        same("configure"),
        same("write"),
        same("read"),
    ],
    default: 4,
};
const TOPICS_OF_VHOST: Columns = Columns {
    all: &[same("user"), same("exchange"), same("write"), same("read")],
    default: 4,
};
const TOPICS_OF_USER: Columns = Columns {
    all: &[same("vhost"), same("exchange"), same("write"), same("read")],
    default: 4,
};

/// Patterns that names of queues and exchanges are held against.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Patterns {
    /// Regular expression: what the user may declare and delete
    configure: String,
    /// Regular expression: what the user may publish to
    write: String,
    /// Regular expression: what the user may consume from
    read: String,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// List permissions in a vhost
    ListPermissions,
    /// List a user's permissions in all vhosts
    ListUserPermissions { user: String },
    /// Give a user permissions in a vhost, instead of those it has there
    SetPermissions {
        user: String,
        #[command(flatten)]
        patterns: Patterns,
    },
    /// Give a user the same permissions in every vhost
    SetPermissionsGlobally {
        user: String,
        #[command(flatten)]
        patterns: Patterns,
    },
    /// Close a vhost to a user
    ClearPermissions { user: String },
    /// List topic permissions in a vhost
    ListTopicPermissions,
    /// List a user's topic permissions in all vhosts
    ListUserTopicPermissions { user: String },
    /// Limit the routing keys that a user may use with a topic exchange
    SetTopicPermissions {
        user: String,
        exchange: String,
        /// Regular expression: routing keys that the user may publish with
        write: String,
        /// Regular expression: routing keys that the user may bind with
        read: String,
    },
    /// Lift the limits of set_topic_permissions, from one exchange or from all
    ClearTopicPermissions {
        user: String,
        exchange: Option<String>,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        let vhost = context.vhost();
        match self {
            Self::ListPermissions => {
                let banner = format_args!("Listing permissions for vhost \"{vhost}\" ...");
                context.out.banner(banner)?;
                OF_VHOST.print(context, path(&["vhosts", &vhost, "permissions"]), &[])
            }
            Self::ListUserPermissions { user } => {
                let banner = format_args!("Listing permissions for user \"{user}\" ...");
                context.out.banner(banner)?;
                list_of_user(context, &user, "permissions", &OF_USER)
            }
            Self::SetPermissions { user, patterns } => {
                let banner = "Setting permissions for user";
                context
                    .out
                    .banner(format_args!("{banner} \"{user}\" in vhost \"{vhost}\" ..."))?;
                set(context, &user, &vhost, &patterns)
            }
            Self::SetPermissionsGlobally { user, patterns } => {
                let banner = "Setting permissions for user";
                context
                    .out
                    .banner(format_args!("{banner} \"{user}\" in all virtual hosts ..."))?;
                let vhosts = context.client.get("/api/vhosts?columns=name")?;
                for vhost in vhosts.as_array().into_iter().flatten() {
                    let name = vhost["name"].as_str().unwrap_or_default();
                    set(context, &user, name, &patterns)?;
                }
                Ok(())
            }
            Self::ClearPermissions { user } => {
                let banner = "Clearing permissions for user";
                context
                    .out
                    .banner(format_args!("{banner} \"{user}\" in vhost \"{vhost}\" ..."))?;
                let cleared = context
                    .client
                    .delete(&path(&["permissions", &vhost, &user]));
                match context.of_user(cleared, &user) {
                    // Compat: clearing what was never given succeeds.
                    Err(Error::NotFound(_)) => Ok(()),
                    cleared => cleared,
                }
            }
            Self::ListTopicPermissions => {
                let banner = format_args!("Listing topic permissions for vhost \"{vhost}\" ...");
                context.out.banner(banner)?;
                let path = path(&["vhosts", &vhost, "topic-permissions"]);
                TOPICS_OF_VHOST.print(context, path, &[])
            }
            Self::ListUserTopicPermissions { user } => {
                let banner = format_args!("Listing topic permissions for user \"{user}\" ...");
                context.out.banner(banner)?;
                list_of_user(context, &user, "topic-permissions", &TOPICS_OF_USER)
            }
            Self::SetTopicPermissions {
                user,
                exchange,
                write,
                read,
            } => {
                let banner = format_args!(
                    "Setting topic permissions on \"{exchange}\" for user \"{user}\" in vhost \"{vhost}\" ..."
                );
                context.out.banner(banner)?;
                let body = json!({"exchange": exchange, "write": write, "read": read});
                let path = path(&["topic-permissions", &vhost, &user]);
                let set = context.client.put(&path, &body);
                context.of_user(set, &user).map(drop)
            }
            Self::ClearTopicPermissions { user, exchange } => {
                let banner = "Clearing topic permissions for user";
                context
                    .out
                    .banner(format_args!("{banner} \"{user}\" in vhost \"{vhost}\" ..."))?;
                let mut segments = vec!["topic-permissions", &vhost, &user];
                segments.extend(exchange.as_deref());
                let cleared = context.client.delete(&path(&segments));
                match context.of_user(cleared, &user) {
                    // Compat: clearing what was never given succeeds.
                    Err(Error::NotFound(_)) => Ok(()),
                    cleared => cleared,
                }
            }
        }
    }
}

fn set(context: &Context, user: &str, vhost: &str, patterns: &Patterns) -> Result<(), Error> {
    let Patterns {
        configure,
        write,
        read,
    } = patterns;
    let body = json!({"configure": configure, "write": write, "read": read});
    let path = path(&["permissions", vhost, user]);
    let set = context.client.put(&path, &body);
    context.of_user(set, user).map(drop)
}

fn list_of_user(
    context: &mut Context,
    user: &str,
    kind: &str,
    columns: &Columns,
) -> Result<(), Error> {
    let rows: Result<Value, Error> = context.client.get(&path(&["users", user, kind]));
    columns.print_rows(context, &known(rows, user)?, &[])
}
