//! What is told of exchanges. What became of what was published through them is known of all together only.

use ferrymq_broker::stats::{Activity, ExchangeTotals, Kind};

use super::family::{Column, counter};
use super::text::Labels;

/// Of one exchange.
pub(super) struct ExchangeRow {
    published: u64,
}

impl ExchangeRow {
    /// What there is to tell of one exchange, and its labels.
    pub(super) fn of(vhost: &str, exchange: &str, totals: &ExchangeTotals) -> (Labels, Self) {
        let published = totals.published();
        let labels = Labels::of(&[("vhost", vhost), ("exchange", exchange)]);
        (labels, Self { published })
    }
}

/// `exchange_metrics`, one by one.
pub(super) const EACH: [Column<ExchangeRow>; 1] = [counter(
    "exchange_messages_published_total",
    "Total number of messages published into an exchange",
    |row| row.published.into(),
)];

/// `exchange_metrics`, of all together.
pub(super) const TOGETHER: [Column<Activity>; 4] = [
    counter(
        "exchange_messages_published_total",
        "Total number of messages published into an exchange",
        |sum| sum[Kind::Publish].into(),
    ),
    counter(
        "exchange_messages_confirmed_total",
        "Total number of messages published into an exchange and confirmed",
        |sum| sum[Kind::Confirm].into(),
    ),
    counter(
        "exchange_messages_unroutable_returned_total",
        "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
        |sum| sum[Kind::ReturnUnroutable].into(),
    ),
    counter(
        "exchange_messages_unroutable_dropped_total",
        "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
        |sum| sum[Kind::DropUnroutable].into(),
    ),
];
