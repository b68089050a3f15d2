//! Who asks? HTTP basic authentication against the broker's users.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ferrymq_broker::auth::{Credentials, LoginRefused, User};
use ferrymq_broker::clock;

use crate::api;
use crate::http::Site;
use crate::local::LocalPeer;

/// Compat: clients show this to their users.
const CHALLENGE: &str = "Basic realm=\"RabbitMQ Management\"";

/// Proof that the request comes from a user of the management interface.
pub(crate) struct Manager;

/// Why a request is answered with 401.
pub(crate) enum Unauthorised {
    NoCredentials,
    Refused(LoginRefused),
    NoManagementTag(Arc<User>),
}

impl FromRequestParts<Site> for Manager {
    type Rejection = Unauthorised;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Unauthorised> {
        let Some(credentials) = basic(&parts.headers) else {
            return match parts.extensions.get::<LocalPeer>() {
                Some(LocalPeer(user)) => {
                    tracing::debug!("HTTP request of {}", user.name());
                    Ok(Self)
                }
                None => Err(Unauthorised::NoCredentials),
            };
        };
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let ConnectInfo(peer) = peer.expect("the listener tells who connects");
        let Credentials { user, password } = credentials;
        let users = site.broker.users();
        let login = users.login(user, password, peer.ip(), clock::now());
        let user = login.await.map_err(Unauthorised::Refused)?;
        match user.may_manage() {
            true => Ok(Self),
            false => Err(Unauthorised::NoManagementTag(user)),
        }
    }
}

/// `Basic base64(user:password)`; the password may hold colons.
fn basic(headers: &HeaderMap) -> Option<Credentials> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    let password = decoded[colon + 1..].to_vec();
    Some(Credentials { user, password })
}

impl IntoResponse for Unauthorised {
    /// Compat: both spellings of the word are those that clients know.
    fn into_response(self) -> Response {
        const STATUS: StatusCode = StatusCode::UNAUTHORIZED;
        let challenge = [(WWW_AUTHENTICATE, CHALLENGE)];
        match self {
            Self::NoCredentials => (STATUS, challenge).into_response(),
            Self::Refused(refused) => {
                tracing::warn!("HTTP access denied: {refused}");
                let answer = match refused {
                    LoginRefused::NotFromLoopback { .. } => api::error(
                        STATUS,
                        "not_authorised",
                        "User can only log in via localhost",
                    ),
                    _ => api::error(STATUS, "not_authorized", "Not_Authorized"),
                };
                (challenge, answer).into_response()
            }
            Self::NoManagementTag(user) => {
                let name = user.name().escape_debug();
                tracing::warn!("HTTP access denied: user '{name}' - Not management user");
                api::error(STATUS, "not_authorised", "Not management user").into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn check(header: &'static str, expected: Option<(&str, &str)>) {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(header));
        let expected = expected.map(|(user, password)| Credentials {
            user: user.to_owned(),
            password: password.into(),
        });
        assert_eq!(basic(&headers), expected, "{header}");
    }

    #[test]
    fn basic_credentials_are_split_at_the_first_colon() {
        check("Basic Z3Vlc3Q6Z3Vlc3Q=", Some(("guest", "guest")));
        check("basic dTphOmI=", Some(("u", "a:b")));
        check("Basic dTo=", Some(("u", "")));
    }

    #[test]
    fn other_headers_are_no_credentials() {
        check("Bearer Z3Vlc3Q6Z3Vlc3Q=", None);
        check("Basic", None);
        check("Basic !", None);
        check("Basic Z3Vlc3Q=", None);
        assert_eq!(basic(&HeaderMap::new()), None);
    }
}
