//! The console is a client of the API in the same process: what a page shows is what the API answers, what a
//! form does is a request to it, with the rights of whoever has logged in. No rule is written twice.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use ferrymq_broker::auth::User;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tower::ServiceExt as _;

use super::address::Address;
use crate::answer;
use crate::auth::KnownUser;

/// What stays as it is in a path.
pub(crate) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The API's own routes.
#[derive(Clone)]
pub(crate) struct Api(Router);

/// A request to the API.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// As in HTTP.
    pub(crate) method: Method,
    /// `/api/queues/%2F/orders?if-empty=true`
    pub(crate) path: String,
    /// JSON.
    pub(crate) body: Option<Value>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why the API did not do what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its reason, for people.
    pub(crate) reason: String,
}

impl Call {
    /// A request for what these names lead to, `["queues", "/", "orders"]` for example.
    pub(crate) fn new(method: Method, names: &[&str]) -> Self {
        let mut path = "/api".to_owned();
        for name in names {
            path.push('/');
            path.extend(utf8_percent_encode(name, SEGMENT));
        }
        Self {
            method,
            path,
            body: None,
            headers: Vec::new(),
        }
    }

    /// `GET`
    pub(crate) fn get(names: &[&str]) -> Self {
        Self::new(Method::GET, names)
    }

    /// `PUT`
    pub(crate) fn put(names: &[&str]) -> Self {
        Self::new(Method::PUT, names)
    }

    /// `POST`
    pub(crate) fn post(names: &[&str]) -> Self {
        Self::new(Method::POST, names)
    }

    /// `DELETE`
    pub(crate) fn delete(names: &[&str]) -> Self {
        Self::new(Method::DELETE, names)
    }

    /// With one more parameter.
    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        let parameter = Address::new("").with(name, value).query();
        self.with_query(&parameter)
    }

    /// With more parameters, as they stand in a query string.
    pub(crate) fn with_query(mut self, query: &str) -> Self {
        self.path.push(match self.path.contains('?') {
            true => '&',
            false => '?',
        });
        self.path.push_str(query);
        self
    }

    /// With a body.
    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// With one more field of the body.
    pub(crate) fn with_field(mut self, name: &str, value: Value) -> Self {
        self.body.get_or_insert_default()[name] = value;
        self
    }

    /// With a header, if its value can stand in one.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            self.headers.push((HeaderName::from_static(name), value));
        }
        self
    }

    fn into_request(self, user: &Arc<User>) -> Request<Body> {
        let body = self.body.map(|body| Body::from(body.to_string()));
        let mut request = Request::new(body.unwrap_or_default());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().expect("names in it are escaped");
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        request.headers_mut().extend(self.headers);
        request.extensions_mut().insert(KnownUser(Arc::clone(user)));
        request
    }
}

impl Api {
    /// What `router` serves.
    pub(crate) fn new(router: Router) -> Self {
        Self(router)
    }

    /// The answer to a request of `user`, whatever it is.
    pub(crate) async fn forward(&self, user: &Arc<User>, call: Call) -> Response {
        let answer = self.0.clone().oneshot(call.into_request(user)).await;
        answer.unwrap_or_else(|never| match never {})
    }

    /// The JSON that answers a request of `user`; `null` when there is nothing to say.
    ///
    /// # Errors
    /// What the API refuses, with its reason.
    pub(crate) async fn call(&self, user: &Arc<User>, call: Call) -> Result<Value, Problem> {
        let mut answer = self.forward(user, call).await;
        let status = answer.status();
        let value = match answer::take(&mut answer) {
            Some(value) => value,
            None => read(answer).await?,
        };
        match status.is_success() {
            true => Ok(value),
            false => Err(Problem::of(status, &value)),
        }
    }
}

/// The JSON of an answer that was written down.
async fn read(answer: Response) -> Result<Value, Problem> {
    let bytes = to_bytes(answer.into_body(), usize::MAX).await;
    let bytes = bytes.map_err(|why| Problem::internal(&why.to_string()))?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let value = serde_json::from_slice(&bytes);
    value.map_err(|why| Problem::internal(&format!("an answer of the API: {why}")))
}

impl Problem {
    /// 404, with a reason for people.
    pub(crate) fn not_found(reason: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            reason: reason.into(),
        }
    }

    /// 400: a form or an address that can't be right.
    pub(crate) fn bad_request(reason: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            reason: reason.into(),
        }
    }

    /// 403: the session's user may not do this, or its form was not ours.
    pub(crate) fn forbidden(reason: impl Into<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            reason: reason.into(),
        }
    }

    /// 403: a form without the session's secret.
    pub(crate) fn foreign_form() -> Self {
        Self::forbidden("this form was not made for this session: load the page again")
    }

    /// 500: a fault of ours, which the log tells of.
    pub(crate) fn internal(why: &str) -> Self {
        tracing::error!("console: {why}");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            reason: "something went wrong here; the broker's log tells more".to_owned(),
        }
    }

    fn of(status: StatusCode, answer: &Value) -> Self {
        let reason = match &answer["reason"] {
            Value::String(reason) => reason.clone(),
            Value::Null => status.canonical_reason().unwrap_or_default().to_owned(),
            reason => reason.to_string(),
        };
        Self {
            // A browser would ask for a password that the session does not need.
            status: match status {
                StatusCode::UNAUTHORIZED => StatusCode::FORBIDDEN,
                status => status,
            },
            reason,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, self.reason).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_escaped_in_paths() {
        let call = Call::delete(&["queues", "/", "a/b %é\n"]).with("if-empty", "true");
        assert_eq!(
            call.path,
            "/api/queues/%2F/a%2Fb%20%25%C3%A9%0A?if-empty=true"
        );
        let call = Call::get(&["queues"])
            .with("filter", "a&b")
            .with("page", "1");
        assert_eq!(call.path, "/api/queues?filter=a%26b&page=1");
    }

    #[test]
    fn what_the_api_refuses_has_its_reason() {
        let refused = json!({"error": "bad_request", "reason": "key_missing: type"});
        let problem = Problem::of(StatusCode::BAD_REQUEST, &refused);
        assert_eq!(problem, Problem::bad_request("key_missing: type"));
        let problem = Problem::of(StatusCode::UNAUTHORIZED, &Value::Null);
        assert_eq!(problem.status, StatusCode::FORBIDDEN);
    }
}
