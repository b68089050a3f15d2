//! Limits of vhosts and of users.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, from, json, same};
use super::path::path;
use super::users::known;
use super::values;

const OF_VHOSTS: Columns = Columns {
    all: &[same("vhost"), json("limits", "value")],
    default: 2,
};
const OF_USERS: Columns = Columns {
    all: &[from("user", "user"), json("limits", "value")],
    default: 2,
};

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
#[expect(
    clippy::enum_variant_names,
    reason = "these are the names of the commands"
)]
pub(super) enum Command {
    /// List limits of a vhost, or of all vhosts
    ListVhostLimits {
        /// Of all vhosts
        #[arg(long)]
        global: bool,
    },
    /// Set limits of a vhost
    SetVhostLimits {
        /// As JSON: '{"max-connections": 100, "max-queues": 1000}'
        limits: String,
    },
    /// Lift the limits of a vhost
    ClearVhostLimits,
    /// List limits of a user (--user) or of all
    ListUserLimits {
        #[arg(long)]
        user: Option<String>,
        #[arg(long, hide = true)]
        global: bool,
    },
    /// Set limits of a user
    SetUserLimits {
        user: String,
        /// As JSON: '{"max-connections": 10, "max-channels": 100}'
        limits: String,
    },
    /// Lift a limit of a user
    ClearUserLimits {
        user: String,
        /// max-connections, max-channels or all
        limit: String,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        let vhost = context.vhost();
        match self {
            Self::ListVhostLimits { global } => list_of_vhosts(context, global),
            Self::SetVhostLimits { limits } => {
                let banner =
                    format_args!("Setting vhost limits to \"{limits}\" for vhost \"{vhost}\" ...");
                context.out.banner(banner)?;
                let set = set(context, &["vhost-limits", &vhost], &limits);
                context.in_vhost(set)
            }
            Self::ClearVhostLimits => {
                let banner = format_args!("Clearing vhost \"{vhost}\" limits ...");
                context.out.banner(banner)?;
                let cleared = clear(context, &["vhost-limits", &vhost], None);
                context.in_vhost(cleared)
            }
            Self::ListUserLimits { user, .. } => list_of_users(context, user.as_deref()),
            Self::SetUserLimits { user, limits } => {
                let banner =
                    format_args!("Setting user limits to \"{limits}\" for user \"{user}\" ...");
                context.out.banner(banner)?;
                known(set(context, &["user-limits", &user], &limits), &user)
            }
            Self::ClearUserLimits { user, limit } => {
                let limit = Some(limit).filter(|limit| limit != "all");
                let what = match &limit {
                    Some(limit) => format!("\"{limit}\" limit"),
                    None => "all limits".to_owned(),
                };
                context
                    .out
                    .banner(format_args!("Clearing {what} for user \"{user}\" ..."))?;
                let limit = limit.as_deref();
                known(clear(context, &["user-limits", &user], limit), &user)
            }
        }
    }
}

fn list_of_vhosts(context: &mut Context, global: bool) -> Result<(), Error> {
    if global {
        context.out.banner("Listing limits for all vhosts ...")?;
        return OF_VHOSTS.print(context, path(&["vhost-limits"]), &[]);
    }
    let vhost = context.vhost();
    let banner = format_args!("Listing limits for vhost \"{vhost}\" ...");
    context.out.banner(banner)?;
    let rows = context.client.get(&path(&["vhost-limits", &vhost]));
    let rows = context.in_vhost(rows)?;
    print_one(context, &rows)
}

fn list_of_users(context: &mut Context, user: Option<&str>) -> Result<(), Error> {
    let Some(user) = user else {
        context.out.banner("Listing limits for all users ...")?;
        return OF_USERS.print(context, path(&["user-limits"]), &[]);
    };
    let banner = format_args!("Listing limits for user \"{user}\" ...");
    context.out.banner(banner)?;
    let rows = context.client.get(&path(&["user-limits", user]));
    let rows = known(rows, user)?;
    print_one(context, &rows)
}

/// Compat: the limits of one object are a JSON object.
fn print_one(context: &mut Context, rows: &Value) -> Result<(), Error> {
    let limits = match &rows[0]["value"] {
        Value::Null => &json!({}),
        limits => limits,
    };
    Ok(context.out.answer(limits, limits)?)
}

fn set(context: &Context, of: &[&str], limits: &str) -> Result<(), Error> {
    for (name, value) in parse(limits)? {
        let path = path(&[of, &[&name]].concat());
        context.client.put(&path, &json!({ "value": value }))?;
    }
    Ok(())
}

/// Lifts `limit`, or all that there are.
fn clear(context: &Context, of: &[&str], limit: Option<&str>) -> Result<(), Error> {
    let rows = context.client.get(&path(of))?;
    let given = rows[0]["value"].as_object();
    let names = given.into_iter().flat_map(Map::keys);
    for name in names.filter(|name| limit.is_none_or(|limit| limit == *name)) {
        context.client.delete(&path(&[of, &[name]].concat()))?;
    }
    Ok(())
}

/// Everything is looked at before anything is changed.
fn parse(limits: &str) -> Result<Map<String, Value>, Error> {
    match values::document(limits, "the limits")? {
        Value::Object(limits) if limits.values().all(Value::is_i64) => Ok(limits),
        _ => {
            let text = "the limits are no JSON object of whole numbers";
            Err(Error::Refused(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_whole_numbers() {
        assert_eq!(parse(r#"{"max-queues": -1}"#).unwrap()["max-queues"], -1);
        assert!(parse("{}").unwrap().is_empty());
        for wrong in ["", "1", r#"{"max-queues": "1"}"#, r#"{"max-queues": 1.5}"#] {
            assert_eq!(parse(wrong).unwrap_err().code(), 65, "{wrong}");
        }
    }
}
