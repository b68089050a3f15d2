//! Every refusal of the API, as status and `{"error", "reason"}`: the one place where the broker's errors
//! get both.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};
use ferrymq_broker::broker::{AccountError, VHostError};
use ferrymq_broker::error::Error;
use ferrymq_broker::json::NotATable;
use serde_json::{Value, json};

use crate::definitions::ImportError;

/// Compat: clients show this to their users.
const CHALLENGE: &str = "Basic realm=\"RabbitMQ Management\"";

/// Why a request is not carried out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// One of the words that clients know; empty: no body.
    error: &'static str,
    /// What people read.
    reason: Value,
    /// Does the answer ask for other credentials?
    challenge: bool,
}

impl Refusal {
    /// A refusal with a status of its own; `error` is one of the words in the API's description.
    pub(crate) fn new(status: StatusCode, error: &'static str, reason: impl Into<String>) -> Self {
        Self {
            status,
            error,
            reason: Value::String(reason.into()),
            challenge: false,
        }
    }

    /// 400: the request can't be right. `reason` names the field and the rule.
    pub(crate) fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", reason)
    }

    /// 404: what the path names is not there.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Object Not Found", "Not Found")
    }

    /// 404: something else that the request needs is not there, `vhost_not_found` for example.
    pub(crate) fn missing(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", reason)
    }

    /// 401: known, but not allowed to do this.
    pub(crate) fn not_authorised(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_authorised", reason)
    }

    /// 401: unknown, or a wrong password.
    pub(crate) fn not_authenticated() -> Self {
        let refusal = Self::new(StatusCode::UNAUTHORIZED, "not_authorized", "Not_Authorized");
        refusal.with_challenge()
    }

    /// 401 with nothing in it: no credentials at all.
    pub(crate) fn no_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "", "").with_challenge()
    }

    /// Is a permission missing?
    pub(crate) fn is_not_authorised(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// Its word and its text, for an answer that has several.
    pub(crate) fn parts(&self) -> (&'static str, &Value) {
        (self.error, &self.reason)
    }

    /// The same, asking for other credentials.
    pub(crate) fn with_challenge(self) -> Self {
        Self {
            challenge: true,
            ..self
        }
    }

    /// 503: the store failed, nothing durable is done until a restart.
    pub(crate) fn store_failed() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "service_unavailable",
            "The store failed, a restart is needed",
        )
    }

    /// 500: a fault of ours, which the log tells of.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_server_error",
            "Internal Server Error",
        )
    }

    /// What publishing and getting say of the broker's errors: with AMQP's code and name before the text.
    pub(crate) fn of_messages(error: Error) -> Self {
        let code = error.reply_code();
        let text = format!("{} {} - {error}", code.code(), code.name());
        let refusal = Self::from(error);
        match refusal.status {
            StatusCode::BAD_REQUEST => Self::bad_request(text),
            _ => refusal,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = match self.error {
            "" => self.status.into_response(),
            error => {
                let body = json!({ "error": error, "reason": self.reason });
                (self.status, Json(body)).into_response()
            }
        };
        if self.challenge {
            let challenge = axum::http::HeaderValue::from_static(CHALLENGE);
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<Error> for Refusal {
    /// Compat: what lacks a permission is told as little as by RabbitMQ; all that AMQP answers with 406 or
    /// 405 is a bad request here, with AMQP's text.
    fn from(error: Error) -> Self {
        match error {
            Error::AccessRefused(_) => Self::not_authorised("Access refused."),
            Error::DefaultExchange
            | Error::SystemExchange(_)
            | Error::ReservedName { .. }
            | Error::InternalExchange(_)
            | Error::ExclusiveUse(_) => Self::not_authorised(error.to_string()),
            Error::NotFound(_) => Self::missing(error.to_string()),
            Error::Store(_) => Self::store_failed(),
            _ => Self::bad_request(error.to_string()),
        }
    }
}

impl From<VHostError> for Refusal {
    fn from(error: VHostError) -> Self {
        match error {
            VHostError::NotFound(_) => Self::not_found(),
            VHostError::Protected(_) => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                error.to_string(),
            ),
            _ => Self::bad_request(error.to_string()),
        }
    }
}

impl From<AccountError> for Refusal {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NotGiven { .. } => Self::not_found(),
            _ => Self::bad_request(error.to_string()),
        }
    }
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<NotATable> for Refusal {
    fn from(error: NotATable) -> Self {
        Self::bad_request(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrymq_broker::names::Resource;

    #[test]
    fn errors_have_their_status() {
        let check = |error: Error, status, reason: &str| {
            let refusal = Refusal::from(error);
            assert_eq!(refusal.status, status, "{reason}");
            assert_eq!(refusal.reason, reason);
        };
        let queue = || Resource::queue("q", "/");
        check(
            Error::NotFound(queue()),
            StatusCode::NOT_FOUND,
            "no queue 'q' in vhost '/'",
        );
        check(
            Error::InUse(queue()),
            StatusCode::BAD_REQUEST,
            "queue 'q' in vhost '/' in use",
        );
        let refusal = Refusal::of_messages(Error::PreconditionFailed("no".into()));
        assert_eq!(refusal.reason, "406 PRECONDITION_FAILED - no");
    }
}
