//! Settings that change while the broker runs, until its next start.

use clap::{Subcommand, ValueEnum};
use hyper::Method;
use serde_json::{Value, json};

use super::client::Ask;
use super::context::Context;
use super::error::Error;
use super::path::path;

/// Levels of log lines. Compat: RabbitMQ has more; those count as the next that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    Trace,
    Debug,
    #[value(alias = "notice")]
    Info,
    Warning,
    #[value(aliases = ["critical", "alert", "emergency"])]
    Error,
    None,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// Print all settings, as they count now
    Environment,
    /// Change a setting, until the broker's next start
    SetSetting {
        /// As in the configuration file: log.level
        name: String,
        value: String,
    },
    /// Log from this level on
    SetLogLevel {
        #[arg(value_enum)]
        level: Level,
    },
    /// Block publishers when less disk space is free
    SetDiskFreeLimit {
        /// Bytes, or a size like 2GB
        limit: String,
    },
    /// Block publishers when more memory is in use
    SetVmMemoryHighWatermark {
        /// A share of the memory, from 0 to 1; or "absolute" and a size like 2GB
        #[arg(required = true, num_args = 1..=2, value_name = "WATERMARK")]
        watermark: Vec<String>,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::Environment => environment(context),
            Self::SetSetting { name, value } => {
                context
                    .out
                    .banner(format_args!("Setting {name} to {value} ..."))?;
                set(context, &name, value.into())
            }
            Self::SetLogLevel { level } => {
                let value = level.to_possible_value();
                let level = value.map_or_else(String::new, |value| value.get_name().to_owned());
                let banner = format_args!("Setting log level to \"{level}\" ...");
                context.out.banner(banner)?;
                set(context, "log.level", level.into())
            }
            Self::SetDiskFreeLimit { limit } => {
                let node = context.client.target().name();
                let banner = format_args!("Setting disk free limit on {node} to {limit} bytes ...");
                context.out.banner(banner)?;
                set(context, "disk.free_limit", limit.into())
            }
            Self::SetVmMemoryHighWatermark { watermark } => set_watermark(context, &watermark),
        }
    }
}

fn environment(context: &mut Context) -> Result<(), Error> {
    let answer = context.client.ask(&Ask {
        method: Method::GET,
        path: "/api/config/effective",
        headers: &[],
        body: None,
    })?;
    let text = answer.successful()?.body;
    let text = String::from_utf8_lossy(&text);
    let settings = text.lines().filter_map(|line| line.split_once(" = "));
    let settings: Value = settings
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    Ok(context.out.answer(&settings, text.trim_end())?)
}

fn set_watermark(context: &mut Context, watermark: &[String]) -> Result<(), Error> {
    let watermark = match watermark {
        [share] => share.clone(),
        [absolute, bytes] if absolute == "absolute" => bytes.clone(),
        _ => {
            return Err(Error::Usage(
                "expected a share, or absolute and a size".to_owned(),
            ));
        }
    };
    let node = context.client.target().name();
    let banner = format_args!("Setting memory threshold on {node} to {watermark} ...");
    context.out.banner(banner)?;
    set(context, "memory.high_watermark", watermark.into())
}

fn set(context: &Context, name: &str, value: Value) -> Result<(), Error> {
    let path = path(&["config", name]);
    context
        .client
        .put(&path, &json!({ "value": value }))
        .map(drop)
}
