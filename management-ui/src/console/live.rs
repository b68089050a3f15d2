//! The stream of what changes on a page: it is made again every so often, and what differs from what was sent is sent.
//!
//! `event: change`, with `{"parts": {id: html}, "samples": {chart: {name: value}}, "at": milliseconds}`. A browser that
//! comes back gets everything once more, so nothing is missed. One that asks for JSON instead of a stream gets everything as
//! one such object.

mod shown;

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::marker::PhantomData;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{ACCEPT, HeaderMap};
use axum::response::sse::Event;
use axum::response::{IntoResponse as _, Response};
use ferrymq_broker::clock;
use serde_json::{Map, Value};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::page::{Page, Part};
use super::visit::Visit;
use crate::sse::{self, End, Source};
pub(super) use shown::Shown;

/// The parameter with the rows that the browser shows.
const SHOWN: &str = "shown";

/// Changes on their way to one page.
struct Changes<P> {
    visit: Visit,
    ticks: Interval,
    /// Hashes of what the page has.
    sent: HashMap<String, u64>,
    _page: PhantomData<fn() -> P>,
}

/// `GET /console/live/NAME?…`
pub(crate) async fn changes<P: Page>(headers: HeaderMap, mut visit: Visit) -> Response {
    visit.shown = visit.address.get(SHOWN).and_then(Shown::parse);
    visit.address = visit.address.without(&[SHOWN]);
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    match accepts.is_some_and(|accepts| accepts.contains("application/json")) {
        true => everything::<P>(&visit).await,
        false => stream::<P>(visit),
    }
}

/// All that may have changed, for browsers to which no stream gets through.
async fn everything<P: Page>(visit: &Visit) -> Response {
    match P::load(visit).await {
        Ok(page) => {
            let parts = wanted(visit, &page);
            Json(change(parts, &page)).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

fn stream<P: Page>(visit: Visit) -> Response {
    let site = visit.console.site.clone();
    let permit = match visit.console.streams.open() {
        Ok(permit) => permit,
        Err(refusal) => return refusal.into_response(),
    };
    let mut ticks = interval(P::PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let changes = Changes::<P> {
        visit,
        ticks,
        sent: HashMap::new(),
        _page: PhantomData,
    };
    sse::answer(&site, permit, changes)
}

impl<P: Page> Source for Changes<P> {
    async fn next(&mut self) -> Result<Event, End> {
        loop {
            self.ticks.tick().await;
            let page = P::load(&self.visit).await;
            let page = page.map_err(|problem| match problem.status {
                StatusCode::FORBIDDEN => End::NotAuthorised,
                _ => End::Gone,
            })?;
            if let Some(change) = self.difference(&page) {
                return Ok(sse::event("change", &change));
            }
        }
    }

    fn is_allowed(&self) -> bool {
        self.visit.is_still_there()
    }
}

impl<P: Page> Changes<P> {
    /// What the page does not have yet.
    fn difference(&mut self, page: &P) -> Option<Value> {
        let mut parts = wanted(&self.visit, page);
        // One that does not say what it shows has just been loaded.
        self.visit
            .shown
            .get_or_insert_with(|| Shown::in_parts(&parts));
        parts.retain(|part| self.is_new(part));
        let change = change(parts, page);
        let is_empty = |field: &str| change[field].as_object().is_none_or(Map::is_empty);
        (!is_empty("parts") || !is_empty("samples")).then_some(change)
    }

    fn is_new(&mut self, part: &Part) -> bool {
        let mut hasher = DefaultHasher::new();
        part.html.hash(&mut hasher);
        let hash = hasher.finish();
        self.sent.insert(part.id.clone(), hash) != Some(hash)
    }
}

/// The parts of a page that have a place in the browser.
fn wanted<P: Page>(visit: &Visit, page: &P) -> Vec<Part> {
    let mut parts = page.parts();
    if let Some(shown) = &visit.shown {
        parts.retain(|part| shown.has_place_for(part));
    }
    parts
}

fn change<P: Page>(parts: Vec<Part>, page: &P) -> Value {
    let parts = parts.into_iter().map(|part| (part.id, part.html.into()));
    let samples = page.samples().into_iter();
    let samples = samples.map(|sample| (sample.chart, sample.values.into()));
    let change = [
        ("parts", Value::Object(parts.collect())),
        ("samples", Value::Object(samples.collect())),
        ("at", clock::now().as_millis().into()),
    ];
    let change = change.into_iter();
    change
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
