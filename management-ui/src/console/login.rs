//! Logging in and out.

use std::net::SocketAddr;

use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::header::{ACCEPT, HeaderMap, LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use cookie::{Cookie, SameSite};
use ferrymq_broker::auth::Credentials;
use ferrymq_broker::clock;
use serde::Deserialize;

use super::address::Address;
use super::attempts::TooMany;
use super::form::Submission;
use super::visit::{SESSION_COOKIE, theme};
use super::{Console, page};
use crate::auth;

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    node: &'a str,
    version: &'a str,
    theme: &'static str,
    to: &'a str,
    name: &'a str,
    /// Why it did not work.
    problem: Option<String>,
    /// May the default user log in, but from this machine only?
    local_only: bool,
}

#[derive(Deserialize, Default)]
pub(crate) struct Wanted {
    /// The address of the page that asked for the log-in.
    #[serde(default)]
    to: String,
}

#[derive(Deserialize)]
pub(crate) struct Attempt {
    username: String,
    password: String,
    #[serde(default)]
    to: String,
}

/// Sends a browser to log in, from where it comes back; whatever else asks is told that it may not.
pub(crate) fn ask(headers: &HeaderMap, from: &Address) -> Response {
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    if !accepts.unwrap_or_default().contains("text/html") {
        let reason = "the session has ended: log in again";
        return (StatusCode::UNAUTHORIZED, reason).into_response();
    }
    let login = Address::new("login").with("to", &from.to_string());
    see_other(&login.to_string())
}

/// `GET /console/login?to=…`
pub(crate) async fn form(
    State(console): State<Console>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(Wanted { to }): Query<Wanted>,
) -> Response {
    show(&console, &headers, peer, ("", &to), None)
}

/// `POST /console/login`
pub(crate) async fn log_in(
    State(console): State<Console>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(attempt): Form<Attempt>,
) -> Response {
    let Attempt {
        username,
        password,
        to,
    } = attempt;
    let failed = |status: StatusCode, why: String| {
        let shown = show(&console, &headers, peer, (&username, &to), Some(why));
        (status, shown).into_response()
    };
    if let Err(TooMany { wait }) = console.attempts.begin(&username, peer.ip(), clock::now()) {
        let why = format!(
            "Too many attempts: try again in {} s",
            wait.as_secs().max(1)
        );
        return failed(StatusCode::TOO_MANY_REQUESTS, why);
    }
    let credentials = Credentials {
        user: username.clone(),
        password: password.into_bytes(),
    };
    match auth::login(&console.site, credentials, peer).await {
        Ok(user) => {
            console.attempts.succeeded(&username, peer.ip());
            let key = console.sessions.begin(user, clock::now());
            let cookie = session_cookie(key.as_str());
            let to = Address::parse_whole(&to).to_string();
            ([(SET_COOKIE, cookie)], see_other(&to)).into_response()
        }
        Err(refusal) => failed(StatusCode::FORBIDDEN, explained(refusal.parts().1.as_str())),
    }
}

/// `POST /console/logout`
pub(crate) async fn log_out(submission: Submission) -> Response {
    let visit = &submission.visit;
    visit.console.sessions.end(&visit.session);
    let mut gone = Cookie::new(SESSION_COOKIE, "");
    gone.make_removal();
    let gone = HeaderValue::from_str(&gone.to_string()).expect("a cookie is ASCII");
    ([(SET_COOKIE, gone)], see_other("login")).into_response()
}

/// A redirect after which the browser asks with `GET`.
pub(crate) fn see_other(to: &str) -> Response {
    let mut response = Redirect::to("login").into_response();
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

fn session_cookie(value: &str) -> HeaderValue {
    let cookie = Cookie::build((SESSION_COOKIE, value))
        .http_only(true)
        .same_site(SameSite::Strict)
        .path("/")
        .build();
    HeaderValue::from_str(&cookie.to_string()).expect("a cookie is ASCII")
}

/// Why somebody may not come in, as far as it may be told.
fn explained(reason: Option<&str>) -> String {
    match reason {
        Some("Not management user") => {
            "This user has none of the tags that open the console: management, policymaker, monitoring, administrator"
                .to_owned()
        }
        Some("User can only log in via localhost") => {
            "This user can log in from the broker's own machine only".to_owned()
        }
        _ => "Wrong name or password".to_owned(),
    }
}

fn show(
    console: &Console,
    headers: &HeaderMap,
    peer: SocketAddr,
    (name, to): (&str, &str),
    problem: Option<String>,
) -> Response {
    let config = console.site.broker.config();
    let login = Login {
        node: console.site.node(),
        version: env!("CARGO_PKG_VERSION"),
        theme: theme(headers),
        to,
        name,
        problem,
        local_only: !peer.ip().is_loopback()
            && config.loopback_users.contains(&config.default_user),
    };
    page::html(&login)
}
