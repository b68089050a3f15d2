//! Logging in from a page: `/api/auth`, `/api/login`, and hashes of passwords.

use std::net::SocketAddr;

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, FromRequest, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ferrymq_broker::auth::{Credentials, PasswordHash};
use serde_json::json;

use crate::answer::{self, Answer};
use crate::api::whoami;
use crate::auth::{self, Administrator};
use crate::body::{self, Object};
use crate::http::Site;
use crate::http::path::Names;
use crate::refusal::Refusal;

/// Bytes of a form with a name and a password.
const MAX_FORM_BYTES: usize = 5_000;

/// Who wants to log in: a form, or the same as JSON.
pub(crate) struct LoginForm(Credentials);

impl FromRequest<Site> for LoginForm {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &Site) -> Result<Self, Refusal> {
        let kind = request.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|value| value.to_str().ok());
        let is_json = kind.is_some_and(|kind| kind.starts_with("application/json"));
        let bytes = to_bytes(request.into_body(), MAX_FORM_BYTES).await;
        let bytes = bytes.map_err(|_| {
            Refusal::bad_request(format!("the form has more than {MAX_FORM_BYTES} bytes"))
        })?;
        let object = match is_json {
            true => body::parse(&bytes)?,
            false => form(&bytes),
        };
        object.require(&["username", "password"])?;
        let text = |key| object.text(key).map(Option::unwrap_or_default);
        Ok(Self(Credentials {
            user: text("username")?.to_owned(),
            password: text("password")?.into(),
        }))
    }
}

fn form(bytes: &[u8]) -> Object {
    let pairs = form_urlencoded::parse(bytes);
    Object(
        pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
            .collect(),
    )
}

/// `GET /api/auth`: open to all. Compat: pages ask it how to log in.
pub(crate) async fn methods() -> Response {
    answer::json(json!({ "oauth_enabled": false }))
}

/// `POST /api/login`: open to all. Gives what to send as `Authorization: Basic` from then on.
pub(crate) async fn login(
    State(site): State<Site>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    LoginForm(credentials): LoginForm,
) -> Answer {
    let mut token = format!("{}:", credentials.user).into_bytes();
    token.extend_from_slice(&credentials.password);
    let user = auth::login(&site, credentials, peer).await?;
    Ok(answer::json(json!({
        "token": { "type": "basic", "value": BASE64_STANDARD.encode(token) },
        "user": whoami::render(&user),
    })))
}

/// `DELETE /api/login`: nothing is kept about who has logged in.
pub(crate) async fn logout() -> Response {
    answer::done()
}

/// `GET /api/auth/hash_password/{password}`: as RabbitMQ hashes it by default.
pub(crate) async fn hash(_: Administrator, Names(password): Names<String>) -> Response {
    hashed(&password)
}

/// `PUT /api/auth/hash_password`. Compat: LavinMQ's way, which leaves passwords out of paths.
pub(crate) async fn hash_body(_: Administrator, body: Object) -> Answer {
    body.require(&["password"])?;
    let password = body.text("password")?.unwrap_or_default();
    Ok(hashed(password))
}

fn hashed(password: &str) -> Response {
    let hash = PasswordHash::sha256(password.as_bytes()).exported();
    answer::json(json!({ "ok": hash, "password_hash": hash }))
}
