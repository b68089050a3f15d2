//! Headers that all answers carry, and what pages of other sites may do.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW,
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ORIGIN, REFERRER_POLICY, SERVER, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use ferrymq_broker::config::Cors;

use crate::http::Site;

/// What a browser may do with an answer: show it, with our own style, and nothing else.
const RULES: [(axum::http::HeaderName, &str); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "same-origin"),
    (SERVER, "FerryMQ"),
    (VARY, "accept, accept-encoding, origin"),
];

/// Adds what all answers carry.
pub(super) async fn add(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in RULES {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
    response
}

/// Answers `OPTIONS`, which needs no credentials, and tells browsers which other sites may ask.
pub(super) async fn share(State(site): State<Site>, request: Request, next: Next) -> Response {
    let asks = request.method() == Method::OPTIONS;
    let asked = request.headers().clone();
    let mut response = next.run(request).await;
    let refused = response.status() == StatusCode::METHOD_NOT_ALLOWED;
    if refused {
        let methods = methods(response.headers());
        response.headers_mut().insert(ALLOW, methods);
    }
    if asks && refused {
        *response.status_mut() = StatusCode::OK;
    }
    share_with(
        &site.broker.config().http.cors,
        &asked,
        asks,
        response.headers_mut(),
    );
    response
}

/// The methods that a route has, as they stand in `allow`; `OPTIONS` is one of them.
fn methods(headers: &HeaderMap) -> HeaderValue {
    let own = headers.get(ALLOW).and_then(|value| value.to_str().ok());
    let own = own
        .unwrap_or_default()
        .split(',')
        .filter(|method| !method.is_empty());
    let all: Vec<_> = own.chain(["OPTIONS"]).collect();
    HeaderValue::from_str(&all.join(", ")).expect("methods are words")
}

fn share_with(cors: &Cors, asked: &HeaderMap, asks: bool, answer: &mut HeaderMap) {
    let Some(origin) = asked.get(ORIGIN) else {
        return;
    };
    let listed = |wanted: &str| cors.allow_origins.iter().any(|origin| origin == wanted);
    if origin.to_str().is_ok_and(listed) {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let credentials = HeaderValue::from_static("true");
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials);
    } else if listed("*") {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else {
        return;
    }
    if !asks {
        return;
    }
    let methods = answer.get(ALLOW).cloned();
    let wanted = asked.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let max_age = HeaderValue::from(cors.max_age.as_secs());
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, methods),
        (ACCESS_CONTROL_ALLOW_HEADERS, wanted),
        (ACCESS_CONTROL_MAX_AGE, Some(max_age)),
    ] {
        if let Some(value) = value {
            answer.insert(name, value);
        }
    }
}
