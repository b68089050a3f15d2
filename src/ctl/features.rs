//! Feature flags and plugins, which are what they are: everything is built in and enabled.

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, same};
use super::path::path;

const FLAGS: Columns = Columns {
    all: &[
        same("name"),
        same("state"),
        same("stability"),
        same("provided_by"),
        same("desc"),
        same("doc_url"),
    ],
    default: 2,
};
const DEPRECATED: Columns = Columns {
    all: &[
        same("name"),
        same("deprecation_phase"),
        same("provided_by"),
        same("desc"),
        same("doc_url"),
    ],
    default: 2,
};
const PLUGINS: Columns = Columns {
    all: &[same("name"), same("state"), same("note")],
    default: 3,
};

/// Said whenever somebody switches plugins.
const BUILT_IN: &str = "What FerryMQ can do is built in and always enabled: nothing to change.";

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// List feature flags
    ListFeatureFlags {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = FLAGS.parser())]
        columns: Vec<String>,
    },
    /// Enable a feature flag, or all
    EnableFeatureFlag { name: String },
    /// List deprecated features
    ListDeprecatedFeatures {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = DEPRECATED.parser())]
        columns: Vec<String>,
        #[arg(long, hide = true)]
        used: bool,
    },
    /// List what stands for plugins: all of it is built in
    ListPlugins(Plugins),
    /// Compat: succeeds, as plugins are built in
    EnablePlugins(Plugins),
    /// Compat: succeeds, as plugins are built in
    DisablePlugins(Plugins),
    /// Are these plugins built in?
    IsEnabled { plugins: Vec<String> },
}

/// How scripts name plugins.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Plugins {
    plugins: Vec<String>,
    #[arg(short = 'e', long, hide = true)]
    enabled: bool,
    #[arg(short = 'E', long, hide = true)]
    implicitly_enabled: bool,
    #[arg(short = 'm', long, hide = true)]
    minimal: bool,
    #[arg(short = 'v', long, hide = true)]
    verbose: bool,
    #[arg(long, hide = true)]
    all: bool,
    #[arg(long, hide = true)]
    offline: bool,
    #[arg(long, hide = true)]
    online: bool,
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::ListFeatureFlags { columns } => {
                context.out.banner("Listing feature flags ...")?;
                FLAGS.print(context, path(&["feature-flags"]), &columns)
            }
            Self::EnableFeatureFlag { name } => {
                if name == "all" {
                    context.out.banner("Enabling all feature flags ...")?;
                    return Ok(());
                }
                let banner = format_args!("Enabling feature flag: {name} ...");
                context.out.banner(banner)?;
                let path = path(&["feature-flags", &name, "enable"]);
                context.client.put(&path, &json!({})).map(drop)
            }
            Self::ListDeprecatedFeatures { columns, used } => {
                context.out.banner("Listing deprecated features ...")?;
                let mut segments = vec!["deprecated-features"];
                segments.extend(used.then_some("used"));
                DEPRECATED.print(context, path(&segments), &columns)
            }
            Self::ListPlugins(plugins) => list_plugins(context, &plugins),
            Self::EnablePlugins(_) | Self::DisablePlugins(_) => {
                Ok(context.out.message(BUILT_IN)?)
            }
            Self::IsEnabled { plugins } => {
                let known = names(context)?;
                let missing = plugins.iter().find(|name| !known.contains(name));
                match missing {
                    None => Ok(context
                        .out
                        .message("All of them are built in and enabled")?),
                    Some(name) => Err(Error::CheckFailed(format!("{name} is not built in"))),
                }
            }
        }
    }
}

/// What the broker says that stands for plugins.
fn names(context: &Context) -> Result<Vec<String>, Error> {
    let node = context.node_details()?;
    let names = node["enabled_plugins"].as_array().into_iter().flatten();
    Ok(names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect())
}

fn list_plugins(context: &mut Context, wanted: &Plugins) -> Result<(), Error> {
    context.out.banner("Listing plugins ...")?;
    let names = names(context)?;
    let rows = names
        .iter()
        .filter(|name| {
            wanted
                .plugins
                .iter()
                .all(|part| name.contains(part.as_str()))
        })
        .map(|name| json!({"name": name, "state": "enabled", "note": "built in"}));
    let shown = match wanted.minimal {
        true => vec!["name".to_owned()],
        false => Vec::new(),
    };
    PLUGINS.print_rows(context, &rows.collect(), &shown)
}
