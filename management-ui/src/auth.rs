//! Who asks, and what is it allowed to see? HTTP basic authentication against the broker's users.
//!
//! A handler takes one of four extractors, by the weakest tag that it is open to: [`Caller`] (any of the
//! management tags), [`Monitoring`], [`Policymaker`], [`Administrator`]. What somebody may do with queues and
//! exchanges is not decided here: the broker's functions ask for permissions themselves.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ferrymq_broker::actor::Actor;
use ferrymq_broker::auth::{Credentials, LoginRefused, User};
use ferrymq_broker::clock;
use ferrymq_broker::stats::Protocol;
use ferrymq_broker::vhost::VHost;

use crate::http::Site;
use crate::refusal::Refusal;

/// Restricts lists to one vhost.
const VHOST_HEADER: &str = "x-vhost";

/// Put into a request's extensions: a user of whom somebody else has made sure. That is the operating system on the local
/// socket, and the console, which knows its sessions.
#[derive(Clone)]
pub(crate) struct KnownUser(pub(crate) Arc<User>);

/// A user of the management interface who asks for something.
pub(crate) struct Caller {
    /// The user.
    pub(crate) user: Arc<User>,
    site: Site,
    /// The only vhost that lists are to be about.
    only: Option<String>,
}

/// A caller who may see what is everybody's.
pub(crate) struct Monitoring(pub(crate) Caller);

/// A caller who may change policies and parameters.
pub(crate) struct Policymaker(pub(crate) Caller);

/// A caller who may do everything.
pub(crate) struct Administrator(pub(crate) Caller);

impl Caller {
    /// Whose permissions count when the broker does something for the caller.
    pub(crate) fn actor(&self) -> Actor {
        Actor {
            user: Arc::clone(&self.user),
            connection: None,
        }
    }

    /// Carries the tag `administrator`.
    pub(crate) fn is_administrator(&self) -> bool {
        self.user.has_tag("administrator")
    }

    /// May see the connections, channels and vhosts of others, and nodes.
    pub(crate) fn may_monitor(&self) -> bool {
        self.is_administrator() || self.user.has_tag("monitoring")
    }

    /// May change policies and parameters.
    pub(crate) fn may_make_policies(&self) -> bool {
        self.is_administrator() || self.user.has_tag("policymaker")
    }

    /// May see what belongs to the user `name`, a connection for example.
    pub(crate) fn may_see_user(&self, name: &str) -> bool {
        self.may_monitor() || self.user.name() == name
    }

    /// Has permissions in `vhost`, be they empty.
    pub(crate) fn has_access(&self, vhost: &str) -> bool {
        self.site
            .broker
            .users()
            .require_vhost(&self.user, vhost)
            .is_ok()
    }

    /// The vhost `name`, to be looked at: those who may monitor see all.
    ///
    /// # Errors
    /// 404 when there is none, and when the caller must not know of it.
    pub(crate) fn vhost(&self, name: &str) -> Result<Arc<VHost>, Refusal> {
        self.find(name, self.may_monitor())
    }

    /// The vhost `name`, to be changed: administrators may change all.
    ///
    /// # Errors
    /// 404 as for [`Caller::vhost`]; a vhost that nobody has heard of is called `vhost_not_found`.
    pub(crate) fn vhost_to_change(&self, name: &str) -> Result<Arc<VHost>, Refusal> {
        match self.site.broker.vhost(name) {
            None => Err(Refusal::missing("vhost_not_found")),
            Some(_) => self.find(name, self.is_administrator()),
        }
    }

    /// Compat: a vhost that is there but closed to the caller is as good as none.
    fn find(&self, name: &str, everywhere: bool) -> Result<Arc<VHost>, Refusal> {
        match self.site.broker.vhost(name) {
            None => Err(Refusal::not_found()),
            Some(vhost) if everywhere || self.has_access(name) => Ok(vhost),
            Some(_) => Err(Refusal::new(
                axum::http::StatusCode::NOT_FOUND,
                "not_found",
                "Not Found",
            )),
        }
    }

    /// Is nothing left out of lists by the header `x-vhost`?
    pub(crate) fn asks_about_all(&self) -> bool {
        self.only.is_none()
    }

    /// Are lists about `vhost`, too? The header `x-vhost` may leave it out.
    pub(crate) fn asks_about(&self, vhost: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == vhost)
    }

    /// The vhosts that lists are about, by name: all that the caller sees, or the one of the header `x-vhost`.
    pub(crate) fn vhosts(&self) -> Vec<Arc<VHost>> {
        let all = self.site.broker.vhosts();
        let sees = |name: &str| self.may_monitor() || self.has_access(name);
        let found = all
            .iter()
            .filter(|(name, _)| self.asks_about(name) && sees(name));
        let mut found: Vec<_> = found.map(|(_, vhost)| Arc::clone(vhost)).collect();
        found.sort_unstable_by(|a, b| a.name().cmp(b.name()));
        found
    }
}

impl FromRequestParts<Site> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
        let user = match (basic(&parts.headers), parts.extensions.get::<KnownUser>()) {
            (Some(credentials), _) => {
                let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
                let ConnectInfo(peer) = *peer.expect("the listener tells who connects");
                login(site, credentials, peer).await?
            }
            (None, Some(KnownUser(user))) => {
                tracing::debug!("HTTP request of {}", user.name());
                Arc::clone(user)
            }
            (None, None) => return Err(Refusal::no_credentials()),
        };
        let header = parts.headers.get(VHOST_HEADER);
        let only = header.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Ok(Self {
            user,
            site: site.clone(),
            only: only.filter(|name| !name.is_empty()),
        })
    }
}

/// The user of the management interface that these credentials belong to.
///
/// # Errors
/// 401, in the words for each reason.
pub(crate) async fn login(
    site: &Site,
    credentials: Credentials,
    peer: SocketAddr,
) -> Result<Arc<User>, Refusal> {
    let Credentials { user, password } = credentials;
    let users = site.broker.users();
    let tried = user.clone();
    let login = users.login(user, password, peer.ip(), clock::now()).await;
    let attempts = &site.broker.statistics().auth_attempts;
    attempts.count(Protocol::Http, peer.ip(), &tried, login.is_ok());
    let user = login.map_err(|refused| {
        tracing::warn!("HTTP access denied: {refused}");
        match refused {
            LoginRefused::NotFromLoopback { .. } => {
                Refusal::not_authorised("User can only log in via localhost").with_challenge()
            }
            _ => Refusal::not_authenticated(),
        }
    })?;
    if !user.may_manage() {
        return Err(too_weak(&user, "Not management user"));
    }
    Ok(user)
}

fn too_weak(user: &User, reason: &'static str) -> Refusal {
    let name = user.name().escape_debug();
    tracing::warn!("HTTP access denied: user '{name}' - {reason}");
    Refusal::not_authorised(reason)
}

/// An extractor for callers with one of two tags.
macro_rules! tagged {
    ($name:ident, $allowed:ident, $refusal:literal) => {
        impl FromRequestParts<Site> for $name {
            type Rejection = Refusal;

            async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
                let caller = Caller::from_request_parts(parts, site).await?;
                match caller.$allowed() {
                    true => Ok(Self(caller)),
                    false => Err(too_weak(&caller.user, $refusal)),
                }
            }
        }
    };
}

tagged!(Monitoring, may_monitor, "Not monitor user");
tagged!(Policymaker, may_make_policies, "Not policymaker user");
tagged!(Administrator, is_administrator, "Not administrator user");

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
