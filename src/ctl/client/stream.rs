//! Server-sent events: answers that go on.

use std::ops::ControlFlow;

use http_body_util::BodyExt as _;
use hyper::Method;

use super::{Answer, Ask, Client};
use crate::ctl::error::Error;

/// Bytes of one event; what is longer is none of ours.
const MAX_EVENT_BYTES: usize = 64 << 20;

/// What a listener wants: to go on, or to end.
pub(in crate::ctl) type Flow = Result<ControlFlow<()>, Error>;

impl Client {
    /// Follows the stream at `path`: `each` gets the kind and the data of every event until it breaks or
    /// the broker ends the stream.
    pub(in crate::ctl) fn follow(
        &self,
        path: &str,
        mut each: impl FnMut(&str, &str) -> Flow,
    ) -> Result<(), Error> {
        let ask = Ask {
            method: Method::GET,
            path,
            headers: &[("accept", "text/event-stream")],
            body: None,
        };
        self.runtime.block_on(async {
            let response = self.send(&ask).await?;
            let status = response.status();
            let mut body = response.into_body();
            if !status.is_success() {
                let body = body.collect().await;
                let body = body.map_err(|error| self.unreachable(&error))?.to_bytes();
                return Answer { status, body }.successful().map(drop);
            }
            let mut events = Events::default();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| self.unreachable(&error))?;
                let Ok(data) = frame.into_data() else {
                    continue;
                };
                if events.push(&data, &mut each)?.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// Cuts a stream into events.
#[derive(Default)]
struct Events {
    /// The line that is not complete yet.
    line: Vec<u8>,
    kind: String,
    data: String,
}

impl Events {
    fn push(&mut self, bytes: &[u8], each: &mut impl FnMut(&str, &str) -> Flow) -> Flow {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() + self.data.len() > MAX_EVENT_BYTES {
                return Err(Error::Answer("an event without an end".to_owned()));
            }
            if !self.line.ends_with(b"\n") {
                continue;
            }
            let line = String::from_utf8_lossy(&self.line).into_owned();
            self.line.clear();
            if self.handle_line(line.trim_end_matches(['\r', '\n'])) {
                let flow = each(&self.kind, &self.data)?;
                self.kind.clear();
                self.data.clear();
                if flow.is_break() {
                    return Ok(flow);
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// True when an event is complete.
    fn handle_line(&mut self, line: &str) -> bool {
        if line.is_empty() {
            return !self.data.is_empty();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // A comment keeps the connection alive; ids and times to wait are for browsers.
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&str], expected: &[(&str, &str)]) {
        let mut found = Vec::new();
        let mut events = Events::default();
        for piece in pieces {
            let mut each = |kind: &str, data: &str| {
                found.push((kind.to_owned(), data.to_owned()));
                Ok(ControlFlow::Continue(()))
            };
            let pushed = events.push(piece.as_bytes(), &mut each);
            assert!(pushed.unwrap().is_continue());
        }
        let found: Vec<_> = found
            .iter()
            .map(|(kind, data)| (&**kind, &**data))
            .collect();
        assert_eq!(found, expected, "{pieces:?}");
    }

    #[test]
    fn events_are_cut_out_of_a_stream() {
        check(&["data: 1\n\n"], &[("", "1")]);
        let pieces = ["event: q\nda", "ta:2\r\n", "\r\ndata: 3\n\n"];
        check(&pieces, &[("q", "2"), ("", "3")]);
        check(&["data: a\ndata: b\n\n"], &[("", "a\nb")]);
        check(&[": alive\n\nid: 7\n\n"], &[]);
        check(&["data: unfinished\n"], &[]);
    }
}
