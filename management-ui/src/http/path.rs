//! Paths: what stands in front of them is taken off, and what names stand in them is decoded.
//!
//! A path is split at its slashes first and decoded then: a name may hold slashes, dots, anything. Nothing is
//! normalised, and a plus is a plus.

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::Uri;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::auth::KnownUser;
use crate::http::Site;
use crate::refusal::Refusal;

/// What stands in paths for the default exchange, which has no name.
const DEFAULT_EXCHANGE: &str = "amq.default";

/// Bytes of a queue's or exchange's name.
const MAX_NAME_BYTES: usize = 255;

/// The names in a path, decoded: a `String`, or a tuple of as many as its route has.
pub(crate) struct Names<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Site> for Names<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
        let names = Path::from_request_parts(parts, site).await;
        let Path(names) = names.map_err(|why| Refusal::bad_request(why.body_text()))?;
        Ok(Self(names))
    }
}

/// The exchange that a path means by `name`.
pub(crate) fn exchange(name: &str) -> &str {
    match name {
        DEFAULT_EXCHANGE => "",
        name => name,
    }
}

/// Refuses a name that AMQP has no room for.
///
/// # Errors
/// 400 for more than 255 bytes.
pub(crate) fn check_name(kind: &str, name: &str) -> Result<(), Refusal> {
    match name.len() {
        0..=MAX_NAME_BYTES => Ok(()),
        length => Err(Refusal::bad_request(format!(
            "{kind} name has {length} bytes, it may have {MAX_NAME_BYTES}"
        ))),
    }
}

/// Takes the configured prefix off a request's path, and one slash at its end, so that routes need not know of
/// either.
///
/// # Errors
/// 404 when the prefix is missing, 400 for what does not decode to UTF-8.
pub(super) async fn prepare(
    State(site): State<Site>,
    mut request: Request,
) -> Result<Request, Refusal> {
    let prefix = &site.broker.config().http.path_prefix;
    let path = request.uri().path();
    let inner = path.strip_prefix(prefix.as_str());
    let inner = inner.filter(|inner| inner.is_empty() || inner.starts_with('/'));
    // The local socket serves nobody else: no proxy stands before it.
    let is_local = request.extensions().get::<KnownUser>().is_some();
    let inner = inner.or(is_local.then_some(path));
    let inner = inner.ok_or_else(Refusal::not_found)?;
    check_encoding(inner)?;
    let inner = match inner {
        "" => "/",
        _ if inner.starts_with("/api/") => inner.strip_suffix('/').unwrap_or(inner),
        _ => inner,
    };
    if inner.len() != path.len() {
        let mut whole = inner.to_owned();
        if let Some(query) = request.uri().query() {
            whole = format!("{whole}?{query}");
        }
        *request.uri_mut() = Uri::try_from(whole).expect("part of a path is a path");
    }
    Ok(request)
}

fn check_encoding(path: &str) -> Result<(), Refusal> {
    let mut rest = path.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let digits = rest.get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            let reason = "the path holds a % that two hexadecimal digits don't follow";
            return Err(Refusal::bad_request(reason));
        }
        rest = &rest[at + 3..];
    }
    match percent_decode_str(path).decode_utf8() {
        Ok(_) => Ok(()),
        Err(_) => Err(Refusal::bad_request("the path is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, accepted: bool) {
        assert_eq!(check_encoding(path).is_ok(), accepted, "{path}");
    }

    #[test]
    fn encodings_are_checked() {
        check("/api/queues/%2F/a%0Ab%25", true);
        check("/%2e%2E/+", true);
        check("/%C3%A9", true);
        check("/%", false);
        check("/%2", false);
        check("/%zz", false);
        check("/%C3", false);
    }

    #[test]
    fn the_default_exchange_has_a_name_in_paths() {
        assert_eq!(exchange("amq.default"), "");
        assert_eq!(exchange("amq.direct"), "amq.direct");
    }
}
