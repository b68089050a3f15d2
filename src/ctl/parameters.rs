//! Runtime parameters, of vhosts and global ones.

use clap::Subcommand;
use serde_json::{Value, json};

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, json, same};
use super::path::path;
use super::values;

const PARAMETERS: Columns = Columns {
    all: &[same("component"), same("name"), json("value", "value")],
    default: 3,
};
const GLOBAL_PARAMETERS: Columns = Columns {
    all: &[same("name"), json("value", "value")],
    default: 2,
};

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// List runtime parameters of a vhost
    ListParameters,
    /// Set a runtime parameter
    SetParameter {
        component: String,
        name: String,
        /// JSON
        value: String,
    },
    /// Delete a runtime parameter
    ClearParameter { component: String, name: String },
    /// List global runtime parameters
    ListGlobalParameters,
    /// Set a global runtime parameter
    SetGlobalParameter {
        name: String,
        /// JSON
        value: String,
    },
    /// Delete a global runtime parameter
    ClearGlobalParameter { name: String },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        let vhost = context.vhost();
        match self {
            Self::ListParameters => {
                let banner = format_args!("Listing runtime parameters for vhost \"{vhost}\" ...");
                context.out.banner(banner)?;
                list(context, &vhost)
            }
            Self::SetParameter {
                component,
                name,
                value,
            } => {
                let banner = format_args!(
                    "Setting runtime parameter \"{name}\" for component \"{component}\" to \
                     \"{value}\" in vhost \"{vhost}\" ..."
                );
                context.out.banner(banner)?;
                let body = json!({ "value": values::document(&value, "the value")? });
                let path = path(&["parameters", &component, &vhost, &name]);
                let set = context.client.put(&path, &body);
                context.in_vhost(set).map(drop)
            }
            Self::ClearParameter { component, name } => {
                let banner = format_args!(
                    "Clearing runtime parameter \"{name}\" for component \"{component}\" on vhost \
                     \"{vhost}\" ..."
                );
                context.out.banner(banner)?;
                let path = path(&["parameters", &component, &vhost, &name]);
                let cleared = context.client.delete(&path);
                context.of(cleared, format_args!("parameter '{name}' of '{component}'"))
            }
            Self::ListGlobalParameters => {
                context
                    .out
                    .banner("Listing global runtime parameters ...")?;
                GLOBAL_PARAMETERS.print(context, path(&["global-parameters"]), &[])
            }
            Self::SetGlobalParameter { name, value } => {
                let banner =
                    format_args!("Setting global runtime parameter \"{name}\" to \"{value}\" ...");
                context.out.banner(banner)?;
                let body = json!({ "value": values::document(&value, "the value")? });
                context
                    .client
                    .put(&path(&["global-parameters", &name]), &body)?;
                Ok(())
            }
            Self::ClearGlobalParameter { name } => {
                let banner = format_args!("Clearing global runtime parameter \"{name}\" ...");
                context.out.banner(banner)?;
                let cleared = context.client.delete(&path(&["global-parameters", &name]));
                cleared.map_err(|error| match error {
                    Error::NotFound(_) => {
                        Error::NotFound(format!("there is no global parameter '{name}'"))
                    }
                    error => error,
                })
            }
        }
    }
}

/// The API lists the parameters of a vhost by component only.
fn list(context: &mut Context, vhost: &str) -> Result<(), Error> {
    let found = context.client.get(&path(&["vhosts", vhost]));
    context.in_vhost(found)?;
    let all = context.client.get("/api/parameters")?;
    let all = all.as_array().into_iter().flatten();
    let here: Value = all.filter(|row| row["vhost"] == vhost).cloned().collect();
    PARAMETERS.print_rows(context, &here, &[])
}
