//! What happens in the broker, as it happens.

use std::ops::ControlFlow;

use clap::Subcommand;
use serde_json::{Value, json};

use super::context::Context;
use super::error::Error;
use super::path::with_query;

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// Show what happens in the broker, until interrupted; with --vhost in that vhost only
    #[command(visible_alias = "consume_event_stream")]
    Events {
        /// Only these types, or those that begin like it: queue,connection.created
        #[arg(long, value_name = "TYPE,...")]
        types: Option<String>,
        /// End after so many
        #[arg(short, long)]
        count: Option<usize>,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        let Self::Events { types, count } = self;
        let mut query = Vec::new();
        query.extend(types.as_deref().map(|types| ("types", types)));
        query.extend(context.vhost.as_deref().map(|vhost| ("vhost", vhost)));
        let path = with_query("/api/events".to_owned(), &query);
        context.out.banner("Following events ...")?;
        let mut left = count.unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(());
        }
        let out = &mut context.out;
        context.client.follow(&path, |kind, data| {
            let event: Value =
                serde_json::from_str(data).map_err(|error| Error::Answer(error.to_string()))?;
            let fields = match kind {
                // So many came too fast for this reader.
                "lost" => &event["lost"],
                _ => &event["fields"],
            };
            let row = [
                event["timestamp"].clone(),
                json!(kind),
                json!(fields.to_string()),
            ];
            out.line(&event, &row)?;
            left -= 1;
            Ok(match left {
                0 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
        })
    }
}
