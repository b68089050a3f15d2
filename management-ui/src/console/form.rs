//! Forms: what a browser sends becomes one request to the API. What the API refuses is told beside the form, which keeps
//! what was typed; what it does leads to another page.
//!
//! Scripts send forms, too, and say that they accept JSON: they get the same as `{"ok", "location"}` or
//! `{"ok", "reason"}`.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{ACCEPT, HeaderMap};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::login::see_other;
use super::session::Done;
use super::visit::Visit;

/// Bytes of a form; messages are typed into some.
const MAX_BYTES: usize = 2 << 20;
/// The field with the session's secret.
const CSRF: &str = "csrf";
/// The field with the address of the page that the form stands on.
const FROM: &str = "from";
/// The field with the form's name.
const FORM: &str = "form";

/// What was typed into a form.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Form(Address);

/// A form that a session's user has sent.
pub(crate) struct Submission {
    pub(crate) visit: Visit,
    pub(crate) form: Form,
    by_script: bool,
}

/// A form that was refused, for the page that it stands on.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    /// The form's name.
    pub(crate) form: String,
    /// What was typed.
    pub(crate) typed: Form,
    /// Why.
    pub(crate) problem: Problem,
}

impl Form {
    /// A form with these fields, its name among them.
    pub(crate) fn new(fields: Address) -> Self {
        Self(fields)
    }

    /// What a page's address says that a form of it is to be filled with.
    pub(crate) fn of_address(address: &Address) -> Option<Self> {
        address.get(FORM).map(|_| Self(address.clone()))
    }

    /// A field, if something was typed.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// A field, as it is.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// All fields.
    pub(crate) fn address(&self) -> &Address {
        &self.0
    }

    /// All values of a field.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.all(name)
    }

    /// A tick.
    pub(crate) fn is_ticked(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The rows of [`Form::table`] as key, type and value.
    pub(crate) fn rows(&self, name: &str) -> Vec<(String, String, String)> {
        let column = |part: &str| {
            let field = format!("{name}-{part}");
            self.all(&field).map(str::to_owned).collect::<Vec<_>>()
        };
        let (keys, types, values) = (column("key"), column("type"), column("value"));
        let at = |column: &[String], row: usize| column.get(row).cloned().unwrap_or_default();
        let rows = keys.into_iter().enumerate();
        rows.filter(|(_, key)| !key.is_empty())
            .map(|(row, key)| (key, at(&types, row), at(&values, row)))
            .collect()
    }

    /// What a form says of arguments: pairs of `NAME-key` and `NAME-value` with `NAME-type`, one to a row. Rows
    /// without a key are empty.
    ///
    /// # Errors
    /// 400 for a value that is not of its type, and a key that comes twice.
    pub(crate) fn table(&self, name: &str) -> Result<Value, Problem> {
        let mut table = Map::new();
        for (key, kind, text) in self.rows(name) {
            let value = typed(&kind, &text).ok_or_else(|| {
                Problem::bad_request(format!("{key}: '{text}' is not {}", spoken(&kind)))
            })?;
            if table.insert(key.clone(), value).is_some() {
                return Err(Problem::bad_request(format!("{key} is given twice")));
            }
        }
        Ok(table.into())
    }
}

/// A value of one of the types that forms offer; with none it is found out, as `rabbitmqctl` users expect.
fn typed(kind: &str, text: &str) -> Option<Value> {
    let number = || {
        let whole = text.trim().parse::<i64>().map(Value::from);
        let number = whole.or_else(|_| text.trim().parse::<f64>().map(Value::from));
        number.ok().filter(Value::is_number)
    };
    match kind {
        "number" => number(),
        "boolean" => text.trim().parse::<bool>().ok().map(Value::from),
        "list" => Some(
            text.split(',')
                .map(|entry| entry.trim().to_owned())
                .collect(),
        ),
        "json" => serde_json::from_str(text).ok(),
        _ => Some(text.into()),
    }
}

fn spoken(kind: &str) -> &'static str {
    match kind {
        "number" => "a number",
        "boolean" => "true or false",
        _ => "JSON",
    }
}

impl Submission {
    /// Does a script wait for the answer, not a browser?
    pub(crate) fn by_script(&self) -> bool {
        self.by_script
    }

    /// Does what the form asks for.
    ///
    /// `done` is what the page `to` then says.
    pub(crate) async fn carry_out(
        self,
        call: Result<Call, Problem>,
        done: impl Into<String>,
        to: impl Into<Address>,
    ) -> Response {
        let done = match call {
            Ok(call) => self.visit.call(call).await.map(|_| done.into()),
            Err(problem) => Err(problem),
        };
        self.finish(done, to).await
    }

    /// Tells what became of it: a text for the page `to`, or why not.
    pub(crate) async fn finish<T: Into<Done>>(
        self,
        done: Result<T, Problem>,
        to: impl Into<Address>,
    ) -> Response {
        match done {
            Ok(done) => self.done(done.into(), &to.into()),
            Err(problem) => self.refuse(problem).await,
        }
    }

    fn done(self, done: Done, to: &Address) -> Response {
        let visit = &self.visit;
        visit.console.sessions.tell(&visit.session, done);
        match self.by_script {
            true => Json(json!({ "ok": true, "location": to.to_string() })).into_response(),
            false => see_other(&to.to_string()),
        }
    }

    /// The page that the form stands on, once more, with what was typed and what is wrong with it.
    pub(crate) async fn refuse(self, problem: Problem) -> Response {
        let status = problem.status;
        if self.by_script {
            let answer = json!({ "ok": false, "reason": problem.reason });
            return (status, Json(answer)).into_response();
        }
        let from = self.form.text(FROM).to_owned();
        let refused = Refused {
            form: self.form.text(FORM).to_owned(),
            typed: self.form,
            problem,
        };
        let mut request = Request::new(Body::empty());
        let uri = format!("/console/{from}").parse();
        *request.uri_mut() =
            uri.unwrap_or_else(|_| axum::http::Uri::from_static("/console/overview"));
        *request.headers_mut() = self.visit.headers.clone();
        request.extensions_mut().insert(refused);
        let routes = super::routes(&self.visit.console);
        let page = routes.oneshot(request).await;
        let mut page = page.unwrap_or_else(|never| match never {});
        *page.status_mut() = status;
        page
    }
}

impl From<&Address> for Form {
    /// What a form says that leads to an address.
    fn from(address: &Address) -> Self {
        Self(address.clone())
    }
}

impl From<&Visit> for Address {
    fn from(visit: &Visit) -> Self {
        visit.address.clone()
    }
}

impl FromRequest<Console> for Submission {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        debug_assert_eq!(parts.method, Method::POST);
        let visit = Visit::from_request_parts(&mut parts, console).await?;
        let bytes = to_bytes(body, MAX_BYTES).await;
        let bytes = bytes.map_err(|_| {
            let reason = format!("a form may have {MAX_BYTES} bytes");
            (StatusCode::PAYLOAD_TOO_LARGE, reason).into_response()
        })?;
        let text = String::from_utf8_lossy(&bytes);
        let form = Form(Address::parse("", &text));
        // SameSite keeps other sites out already; this holds where a browser does not know of it.
        if form.text(CSRF) != visit.csrf {
            return Err(Problem::foreign_form().into_response());
        }
        Ok(Self {
            visit,
            form,
            by_script: accepts_json(&parts.headers),
        })
    }
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: Result<Value, &str>) {
        let form = Form(Address::parse("", query));
        let expected = expected.map_err(Problem::bad_request);
        assert_eq!(form.table("a"), expected, "{query}");
    }

    #[test]
    fn rows_make_a_table() {
        check("", Ok(json!({})));
        check(
            "a-key=x-max-length&a-type=number&a-value=10&a-key=&a-type=string&a-value=",
            Ok(json!({"x-max-length": 10})),
        );
        check(
            "a-key=k&a-type=string&a-value=1&a-key=b&a-type=boolean&a-value=true",
            Ok(json!({"k": "1", "b": true})),
        );
        check(
            "a-key=k&a-type=list&a-value=a, b",
            Ok(json!({"k": ["a", "b"]})),
        );
        check(
            "a-key=k&a-type=json&a-value={\"x\":1}",
            Ok(json!({"k": {"x": 1}})),
        );
        check(
            "a-key=k&a-type=number&a-value=x",
            Err("k: 'x' is not a number"),
        );
        check(
            "a-key=k&a-type=string&a-value=x&a-key=k&a-type=string&a-value=y",
            Err("k is given twice"),
        );
    }
}
