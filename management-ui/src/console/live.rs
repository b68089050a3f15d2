//! The stream of what changes on a page: it is made again every so often, and what differs from what was sent is sent.
//!
//! `event: change`, with `{"parts": {id: html}, "samples": {chart: {name: value}}, "at": milliseconds}`. A browser that
//! comes back gets everything once more, so nothing is missed.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::marker::PhantomData;

use axum::http::StatusCode;
use axum::response::sse::Event;
use axum::response::{IntoResponse as _, Response};
use ferrymq_broker::clock;
use serde_json::{Map, Value, json};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::page::{Page, Part};
use super::visit::Visit;
use crate::sse::{self, End, Source};

/// Changes on their way to one page.
struct Changes<P> {
    visit: Visit,
    ticks: Interval,
    /// Hashes of what the page has.
    sent: HashMap<String, u64>,
    _page: PhantomData<fn() -> P>,
}

/// `GET /console/live/NAME?…`
pub(crate) async fn stream<P: Page>(visit: Visit) -> Response {
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
        let parts = page.parts().into_iter();
        let parts = parts.filter(|part| self.is_new(part));
        let parts: Map<_, _> = parts.map(|part| (part.id, part.html.into())).collect();
        let samples = page.samples().into_iter();
        let samples = samples.map(|sample| (sample.chart, sample.values.into()));
        let samples: Map<_, _> = samples.collect();
        if parts.is_empty() && samples.is_empty() {
            return None;
        }
        let at = clock::now().as_millis();
        Some(json!({ "parts": parts, "samples": samples, "at": at }))
    }

    fn is_new(&mut self, part: &Part) -> bool {
        let mut hasher = DefaultHasher::new();
        part.html.hash(&mut hasher);
        let hash = hasher.finish();
        self.sent.insert(part.id.clone(), hash) != Some(hash)
    }
}
