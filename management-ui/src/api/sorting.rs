//! Sorting by what is counted, without rendering anything: `publish`, or `publish_details.rate`.

use ferrymq_broker::stats::series::Field;
use ferrymq_broker::stats::{Activity, History, MessageField};

use crate::http::Site;
use crate::list::SortKey;
use crate::statistics::Kinds;

/// How much `fields` change per second now.
pub(super) fn rate<F: Field>(site: &Site, history: &History<F>, fields: &[F]) -> SortKey {
    let statistics = site.broker.statistics();
    let details = || history.details(fields, statistics.moments(), None);
    SortKey::Number(match statistics.has_rates() {
        true => details().rate,
        false => 0.0,
    })
}

/// A field of `message_stats` with `kinds`; `None` when there is no such field.
pub(super) fn message_field(
    site: &Site,
    kinds: Kinds,
    activity: &Activity,
    history: &History<MessageField>,
    field: &str,
) -> Option<SortKey> {
    let (name, asks_rate) = match field.strip_suffix("_details.rate") {
        Some(name) => (name, true),
        None => (field, false),
    };
    if name == "deliver_get" {
        return Some(match asks_rate {
            true => rate(site, history, &MessageField::DELIVER_GET),
            false => activity.deliver_get().into(),
        });
    }
    let mut known = kinds.iter().copied().flatten();
    let (_, kind) = known.find(|(known, _)| *known == name)?;
    Some(match asks_rate {
        true => rate(site, history, &[MessageField::Happened(*kind)]),
        false => activity[*kind].into(),
    })
}
