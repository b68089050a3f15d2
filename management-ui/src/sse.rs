//! Server-sent events: answers that go on until their subject, the right to see it, or the broker ends.
//!
//! A stream is pulled by its connection: a reader that stalls holds up nobody, and what it misses is counted
//! where it waits.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use ferrymq_broker::auth::User;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::http::Site;
use crate::refusal::Refusal;

/// So many streams at a time.
pub(crate) const MAX_STREAMS: usize = 100;
/// When nothing happens, something is sent all the same after this long.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// So often it is checked whether the reader still may see it.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// Room for streams.
pub(crate) struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_STREAMS)))
    }
}

impl Streams {
    /// Takes room for one more.
    ///
    /// # Errors
    /// 503 when there are too many.
    pub(crate) fn open(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let permit = Arc::clone(&self.0).try_acquire_owned();
        permit.map_err(|_| {
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "service_unavailable",
                format!("{MAX_STREAMS} event streams are open already"),
            )
        })
    }
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// What it is about is gone.
    Gone,
    /// Its reader has lost the right to see it.
    NotAuthorised,
    /// The broker stops.
    Shutdown,
}

/// Where a stream's events come from.
pub(crate) trait Source: Send + 'static {
    /// Waits for the next event; must lose nothing when it is dropped before it is done.
    fn next(&mut self) -> impl Future<Output = Result<Event, End>> + Send;

    /// May the reader still see it?
    fn is_allowed(&self) -> bool;
}

struct Stream<S> {
    source: S,
    site: Site,
    check: Interval,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

/// The answer that sends what comes from `source`.
pub(crate) fn answer<S: Source>(site: &Site, permit: OwnedSemaphorePermit, source: S) -> Response {
    let mut check = interval(CHECK_EVERY);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = Stream {
        source,
        site: site.clone(),
        check,
        ended: false,
        _permit: permit,
    };
    let events = stream::unfold(stream, |mut stream| async {
        let event = stream.next().await?;
        Some((Ok::<_, Infallible>(event), stream))
    });
    let alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let sse = Sse::new(events).keep_alive(alive);
    ([(CACHE_CONTROL, "no-cache, no-transform")], sse).into_response()
}

impl<S: Source> Stream<S> {
    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        loop {
            let next = tokio::select! {
                biased;
                () = self.site.broker.stopping() => Err(End::Shutdown),
                _ = self.check.tick() => match self.source.is_allowed() {
                    true => continue,
                    false => Err(End::NotAuthorised),
                },
                next = self.source.next() => next,
            };
            return Some(next.unwrap_or_else(|end| {
                self.ended = true;
                end.event()
            }));
        }
    }
}

impl End {
    fn event(self) -> Event {
        let reason = match self {
            Self::Gone => "gone",
            Self::NotAuthorised => "not_authorised",
            Self::Shutdown => "shutdown",
        };
        event("end", &json!({ "reason": reason }))
    }
}

/// An event with JSON in it.
pub(crate) fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}

/// Is the user still there, and one of the management interface?
pub(crate) fn is_current(site: &Site, user: &User) -> bool {
    match site.broker.users().user(user.name()) {
        Some(current) => current.may_manage(),
        // The operating system vouches for it, and goes on doing so.
        None => user.is_local(),
    }
}
