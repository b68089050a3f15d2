//! `top`: the busiest queues and connections, looked at every second, in the terminal.

mod screen;
mod view;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::context::Context;
use super::error::Error;
use super::path::with_query;
use screen::{Key, Screen};
use view::View;

/// Rows that are asked for when nobody knows how many fit.
const ROWS: usize = 20;

/// What the first row has most of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Sort {
    /// Messages published a second
    Publish,
    /// Messages delivered a second
    Deliver,
    /// Messages in the queue
    Messages,
    /// Memory
    Memory,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// Watch the busiest queues and connections; Tab changes between them, s the order, q ends it
    Top {
        /// What the first queue has most of
        #[arg(long, value_enum, default_value = "publish")]
        sort: Sort,
        /// Begin with connections
        #[arg(long)]
        connections: bool,
        /// Look again after so many seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 1,
            value_parser = clap::value_parser!(u64).range(1..=3600))]
        interval: u64,
        /// Look once, and print what is seen
        #[arg(long)]
        once: bool,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        let Self::Top {
            sort,
            connections,
            interval,
            once,
        } = self;
        let view = View { sort, connections };
        if once || context.out.is_json() {
            return print(context, view);
        }
        if !io::stdout().is_terminal() {
            return Err(Error::Usage("this is no terminal: give --once".to_owned()));
        }
        watch(context, view, Duration::from_secs(interval))
    }
}

fn print(context: &mut Context, view: View) -> Result<(), Error> {
    let (overview, rows) = look(context, view, ROWS)?;
    let lines = view.lines(&overview, &rows, u16::MAX);
    let value = json!({ "overview": overview, "rows": rows });
    Ok(context.out.answer(&value, lines.join("\n"))?)
}

fn watch(context: &Context, mut view: View, interval: Duration) -> Result<(), Error> {
    // Whoever can't be asked is told so on the usual screen.
    look(context, view, 1)?;
    let mut screen = Screen::open()?;
    loop {
        let (width, height) = Screen::size()?;
        let (overview, rows) = look(context, view, height.into())?;
        screen.show(&view.lines(&overview, &rows, width), width, height)?;
        match Screen::key(interval)? {
            Some(Key::End) => return Ok(()),
            Some(Key::OtherView) => view.connections = !view.connections,
            Some(Key::OtherOrder) => view.sort = view.sort.next(),
            None => {}
        }
    }
}

/// The overview, and the first `count` rows in the view's order.
fn look(
    context: &Context,
    view: View,
    count: usize,
) -> Result<(serde_json::Value, serde_json::Value), Error> {
    let overview = context.client.get("/api/overview")?;
    let count = count.clamp(1, 500).to_string();
    let (list, columns, sort) = view.asks();
    let query = [
        ("page", "1"),
        ("page_size", &count),
        ("sort", sort),
        ("sort_reverse", "true"),
        ("columns", columns),
    ];
    let page = context.client.get(&with_query(list.to_owned(), &query))?;
    Ok((overview, page["items"].clone()))
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Self::Publish => Self::Deliver,
            Self::Deliver => Self::Messages,
            Self::Messages => Self::Memory,
            Self::Memory => Self::Publish,
        }
    }
}
