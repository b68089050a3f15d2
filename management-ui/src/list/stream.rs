//! A bare array on its way out: short ones at once, long ones piece by piece, so that no list is in memory as
//! a whole.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

/// Bytes of a piece.
const PIECE_BYTES: usize = 64 * 1024;

/// The array of `values`.
pub(super) fn array(values: impl Iterator<Item = Value> + Send + 'static) -> Response {
    let mut pieces = Pieces {
        values,
        begun: false,
        ended: false,
    };
    let first = pieces.next().unwrap_or_default();
    let body = match pieces.ended {
        true => Body::from(first),
        false => {
            let all = std::iter::once(first).chain(pieces);
            Body::from_stream(stream::iter(all.map(Ok::<_, Infallible>)))
        }
    };
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

struct Pieces<I> {
    values: I,
    begun: bool,
    ended: bool,
}

impl<I: Iterator<Item = Value>> Iterator for Pieces<I> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut piece = Vec::new();
        while piece.len() < PIECE_BYTES {
            let Some(value) = self.values.next() else {
                self.ended = true;
                piece.extend_from_slice(if self.begun { b"]" } else { b"[]" });
                break;
            };
            piece.push(if self.begun { b',' } else { b'[' });
            self.begun = true;
            serde_json::to_writer(&mut piece, &value).expect("writing JSON to memory can't fail");
        }
        Some(piece.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(count: usize, pieces: std::ops::RangeInclusive<usize>) {
        let values: Vec<Value> = (0..count).map(|n| json!({ "name": n })).collect();
        let out: Vec<Bytes> = Pieces {
            values: values.clone().into_iter(),
            begun: false,
            ended: false,
        }
        .collect();
        assert!(pieces.contains(&out.len()), "{count}: {}", out.len());
        let read: Value = serde_json::from_slice(&out.concat()).unwrap();
        assert_eq!(read, Value::Array(values));
    }

    #[test]
    fn the_pieces_are_an_array() {
        check(0, 1..=1);
        check(1, 1..=1);
        check(2, 1..=1);
        check(20_000, 4..=8);
    }
}
