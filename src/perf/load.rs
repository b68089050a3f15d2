//! The load scenario: declare, connect everybody, let them run, clean up.

use super::connection::Connection;
use super::consumer::Consumer;
use super::declare::{clean_up, declare};
use super::plan::Plan;
use super::producer::Producer;
use super::progress::Progress;
use super::report::{Printer, Summary, write_histogram};
use super::setup::Setup;
use super::watch::Watch;
use super::{Error, Load, Outcome};

/// Runs it, and reports.
pub(super) fn run(args: &Load) -> Result<Outcome, Error> {
    args.check()?;
    let plan = Plan::new(args);
    let setup = Setup::new(args, &plan)?;
    let mut printer = Printer::new(args.broker.json, &args.reporting);
    let mut control = Connection::open(setup.uri(0), "perf control")?;
    declare(&mut control, args, &plan)?;
    let summary = watch(&setup, &mut printer);
    let cleaned_up = clean_up(&mut control, args, &plan);
    let summary = summary?;
    cleaned_up?;
    control.close()?;
    write_histograms(args, &summary)?;
    let missed = summary.missed(args);
    let words = summary.in_words(&missed);
    printer.print_summary(|| summary.to_json(&missed), &words);
    Ok(summary.outcome(&missed))
}

fn watch(setup: &Setup<'_>, printer: &mut Printer) -> Result<Summary, Error> {
    let consume = || {
        (0..setup.args.consuming.consumers.into())
            .map(|index| Consumer::connect(setup, index))
            .collect::<Result<Vec<_>, _>>()
    };
    let consumers = match setup.args.consuming.fill_first {
        true => Vec::new(),
        false => consume()?,
    };
    let producers = (0..setup.args.publishing.producers)
        .map(|index| Producer::connect(setup, index))
        .collect::<Result<Vec<_>, _>>()?;
    let progress = Progress::default();
    Watch::new(setup, &progress, printer).run(producers, consumers, consume)
}

fn write_histograms(args: &Load, summary: &Summary) -> Result<(), Error> {
    if let Some(file) = &args.reporting.histogram {
        write_histogram(file, &summary.latencies.end_to_end)?;
    }
    if let Some(file) = &args.publishing.confirm_histogram {
        write_histogram(file, &summary.latencies.confirm)?;
    }
    Ok(())
}
