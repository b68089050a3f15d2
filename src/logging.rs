//! The log: which lines, in which form, and where to. Levels change while the broker runs.

mod journal;
mod lines;
mod output;

use std::io;
use std::sync::Arc;

use ferrymq_broker::Config;
use ferrymq_broker::config::LogLevel;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use lines::Lines;
use output::Output;

/// The modules of all our crates begin with this.
const OWN_MODULES: &str = "ferrymq";

/// The log of this process.
#[derive(Clone)]
pub(crate) struct Log {
    filter: reload::Handle<Targets, Registry>,
    output: Arc<Output>,
}

impl Log {
    /// Logs from now on, as `config` says.
    ///
    /// # Errors
    /// When the log's file can't be opened.
    pub(crate) fn start(config: &Config) -> io::Result<Self> {
        let output = Arc::new(Output::open(config.log_file.as_deref())?);
        let (filter, handle) = reload::Layer::new(targets(config));
        let lines = Lines {
            format: config.log_format,
            for_journal: config.log_file.is_none() && journal::is_standard_output(),
        };
        // Who closes the other end of standard output loses the log, not the broker.
        let lines = tracing_subscriber::fmt::layer()
            .log_internal_errors(false)
            .event_format(lines)
            .with_writer(Arc::clone(&output));
        tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .init();
        Ok(Self {
            filter: handle,
            output,
        })
    }

    /// From now on the levels of `config` hold.
    pub(crate) fn obey(&self, config: &Config) {
        if let Err(error) = self.filter.reload(targets(config)) {
            tracing::error!("can't change what is logged: {error}");
        }
    }

    /// Opens the log's file anew: somebody may have moved it away.
    pub(crate) fn reopen(&self) {
        match self.output.reopen() {
            Ok(()) => tracing::info!("the log was opened anew"),
            Err(error) => tracing::error!("the log's file can't be opened anew: {error}"),
        }
    }
}

/// What is let through. Libraries are heard from warnings upwards.
fn targets(config: &Config) -> Targets {
    let level = filter(config.log_level);
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(OWN_MODULES, level);
    config
        .log_levels
        .iter()
        .flat_map(|(category, level)| {
            let modules = LogLevel::modules(category).into_iter();
            modules.map(|module| (module.to_owned(), filter(*level)))
        })
        .fold(targets, |targets, (module, level)| {
            targets.with_target(module, level)
        })
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::None => LevelFilter::OFF,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn categories_have_levels_of_their_own() {
        let level = |name: &str, level| (name.to_owned(), level);
        let config = Config {
            log_levels: [
                level("connection", LogLevel::Debug),
                level("channel", LogLevel::Error),
            ]
            .into(),
            ..Config::default()
        };
        let targets = targets(&config);
        let check = |module: &str, level: Level, enabled: bool| {
            assert_eq!(targets.would_enable(module, &level), enabled, "{module}");
        };
        check("ferrymq::serve", Level::INFO, true);
        check("ferrymq::serve", Level::DEBUG, false);
        check("ferrymq_broker::net::task", Level::DEBUG, true);
        check("ferrymq_broker::session::connection", Level::DEBUG, true);
        check("ferrymq_broker::session::channels", Level::WARN, false);
        check("hyper::proto", Level::INFO, false);
        check("hyper::proto", Level::WARN, true);
    }
}
