//! What a run prints: a line per interval, a summary, histograms; in words, as JSON, as CSV.

mod counts;
mod figures;
mod histogram;
mod interval;
mod json;
mod summary;
mod thresholds;
mod words;

pub(super) use counts::{Counts, Latencies};
pub(super) use figures::{percentiles, percentiles_in_words, rate};
pub(super) use histogram::write_histogram;
pub(super) use interval::{Column, Interval, Printer};
pub(super) use summary::Summary;
pub(super) use thresholds::Thresholds;
