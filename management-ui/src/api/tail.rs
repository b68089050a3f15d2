//! `GET /api/queues/{vhost}/{name}/tail`: copies of messages as they are routed into a queue.
//!
//! A reader gets a bounded number of them a second, always the latest: what is too much is dropped and counted,
//! here, in the queue's buffer for this listener, never by holding up a publisher.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::Event;
use ferrymq_broker::Properties;
use ferrymq_broker::browse::{Filter, MAX_BODY_BYTES, View};
use ferrymq_broker::clock::{self, Timestamp};
use ferrymq_broker::queue::shared::tail::{Heard, Listener};
use ferrymq_broker::vhost::VHost;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use crate::answer::Answer;
use crate::api::{browse, queues};
use crate::auth::Caller;
use crate::http::Site;
use crate::http::path::Names;
use crate::message::{self, Encoding};
use crate::query::Query;
use crate::sse::{self, End, Source};

const DEFAULT_RATE: usize = 50;
const MAX_RATE: usize = 1000;
const DEFAULT_BODY_BYTES: usize = 4096;
/// While nothing passes the filter, it is looked again after this long.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// Messages on their way to one reader.
struct Tail {
    site: Site,
    caller: Caller,
    vhost: Arc<VHost>,
    queue: String,
    listener: Listener,
    filter: Filter,
    body_bytes: usize,
    encoding: Encoding,
    /// Messages a second.
    rate: usize,
    /// What is sent next, at most a second's worth.
    waiting: VecDeque<(View, Timestamp)>,
    /// How many were dropped since the last one that was sent.
    dropped: u64,
    sent: u64,
    next_at: Instant,
}

/// `GET /api/queues/{vhost}/{name}/tail?rate=50&truncate=4096&filter=…`
pub(crate) async fn stream(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let rate = query.number("rate", DEFAULT_RATE, 1..=MAX_RATE)?;
    let body_bytes = query.number("truncate", DEFAULT_BODY_BYTES, 0..=MAX_BODY_BYTES)?;
    let encoding = Encoding::of(&query)?;
    let filter = query.message_filter(&site.broker.config().http.masked_fields)?;
    queues::find(&vhost, &name)?;
    let queue = vhost.readable_queue(&caller.actor(), &name)?;
    browse::note_look(&site, &caller, &vhost, &name)?;
    let permit = site.streams.open()?;
    let tail = Tail {
        site: site.clone(),
        caller,
        vhost,
        queue: name,
        listener: queue.listen(),
        filter,
        body_bytes,
        encoding,
        rate,
        waiting: VecDeque::new(),
        dropped: 0,
        sent: 0,
        next_at: Instant::now(),
    };
    Ok(sse::answer(&site, permit, tail))
}

impl Tail {
    fn take(&mut self, heard: Heard) {
        self.dropped += heard.dropped;
        let now = clock::now();
        let config = self.site.broker.config();
        for routed in heard.messages {
            let view = config.http.masked_fields.view(&routed.message);
            if !self.filter.matches(&view.message, None, now) {
                continue;
            }
            self.waiting.push_back((view, routed.at));
            if self.waiting.len() > self.rate {
                self.waiting.pop_front();
                self.dropped += 1;
            }
        }
    }

    fn shown(&mut self, view: &View, at: Timestamp) -> Value {
        let message = &view.message;
        let properties = Properties::parse(message.properties()).ok();
        let body = message.body_window(0, self.body_bytes);
        let (payload, payload_encoding) = self.encoding.payload(&body, message.body_len());
        let mut shown = json!({
            "timestamp": at.as_millis(),
            "exchange": String::from_utf8_lossy(message.exchange()),
            "routing_key": String::from_utf8_lossy(message.routing_key()),
            "properties": message::properties(properties.as_ref()),
            "persistent": message.is_persistent(),
            "payload_bytes": message.body_len(),
            "payload": payload,
            "payload_encoding": payload_encoding,
            "dropped": std::mem::take(&mut self.dropped),
        });
        message::tell_hidden(&mut shown, view.hidden);
        shown
    }
}

impl Source for Tail {
    async fn next(&mut self) -> Result<Event, End> {
        loop {
            while self.waiting.is_empty() {
                let heard = self.listener.next().await.ok_or(End::Gone)?;
                self.take(heard);
                if self.waiting.is_empty() {
                    sleep(LOOK_PAUSE).await;
                }
            }
            sleep_until(self.next_at).await;
            // What came meanwhile is newer.
            if let Some(heard) = self.listener.try_next() {
                self.take(heard);
            }
            if let Some((view, at)) = self.waiting.pop_front() {
                let pause = Duration::from_secs(1) / self.rate as u32;
                self.next_at = self.next_at.max(Instant::now() - pause) + pause;
                self.sent += 1;
                let shown = self.shown(&view, at);
                return Ok(sse::event("message", &shown).id(self.sent.to_string()));
            }
        }
    }

    fn is_allowed(&self) -> bool {
        let actor = self.caller.actor();
        sse::is_current(&self.site, &self.caller.user)
            && self.vhost.readable_queue(&actor, &self.queue).is_ok()
    }
}
