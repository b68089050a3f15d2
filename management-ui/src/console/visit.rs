//! A request to a page: who asks, and for what. The session is found by its cookie; without one the visitor is
//! sent to log in.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::header::{COOKIE, HOST, HeaderMap};
use axum::http::request::Parts;
use axum::response::Response;
use ferrymq_broker::auth::{Permission, ResourceKind, User};
use ferrymq_broker::clock::{self, Timestamp};
use serde_json::Value;

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::form::Refused;
use super::live::Shown;
use super::login;
use super::session::{Flash, Found, Key, Sessions};

/// The cookie that holds the session.
pub(crate) const SESSION_COOKIE: &str = "ferrymq_session";
/// The cookie that holds `light` or `dark`, unless the system's choice is followed.
pub(crate) const THEME_COOKIE: &str = "ferrymq_theme";
/// Where a page's stream is.
const LIVE: &str = "live/";

/// A request of somebody who has logged in.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) console: Console,
    /// Who asks.
    pub(crate) user: Arc<User>,
    pub(crate) session: Key,
    /// What every form brings along.
    pub(crate) csrf: String,
    /// The page, and its state.
    pub(crate) address: Address,
    /// `light`, `dark`, or nothing.
    pub(crate) theme: &'static str,
    /// The host that the browser reached, without its port.
    pub(crate) host: String,
    /// Does the page only ask what has changed on it?
    pub(crate) is_live: bool,
    /// Which rows the browser shows, as far as it says.
    pub(crate) shown: Option<Shown>,
    /// What the page is to tell.
    pub(crate) flash: Option<Flash>,
    /// A form of this page that was just refused.
    pub(crate) refused: Option<Refused>,
    /// The headers that make a visit of a request.
    pub(crate) headers: HeaderMap,
}

impl Visit {
    /// What the API answers.
    ///
    /// # Errors
    /// What it refuses.
    pub(crate) async fn call(&self, call: Call) -> Result<Value, Problem> {
        if self.is_read_only() && call.method != Method::GET {
            return Err(Problem::forbidden("this console is read-only"));
        }
        self.console.api.call(&self.user, call).await
    }

    /// What the API answers to a `GET` of what these names lead to.
    ///
    /// # Errors
    /// What it refuses.
    pub(crate) async fn get(&self, names: &[&str]) -> Result<Value, Problem> {
        self.call(Call::get(names)).await
    }

    /// The API's answer, passed on as it is: streams and downloads.
    pub(crate) async fn forward(&self, call: Call) -> Response {
        self.console.api.forward(&self.user, call).await
    }

    /// A parameter that the page can't do without.
    ///
    /// # Errors
    /// 400 when it is missing.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Problem> {
        let missing = || Problem::bad_request(format!("the address lacks the parameter {name}"));
        self.address.get(name).ok_or_else(missing)
    }

    /// The vhost that the page is about; lists of all vhosts have none.
    pub(crate) fn vhost(&self) -> Option<&str> {
        self.address.get("vhost")
    }

    /// Do lists show the objects of one vhost only?
    pub(crate) fn is_about_one_vhost(&self) -> bool {
        self.vhost().is_some() || self.console.site.broker.vhosts().len() == 1
    }

    /// Where the browser reaches the broker, as far as its request tells; a script knows it for sure.
    pub(crate) fn origin(&self) -> String {
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok());
        format!("http://{}", host.unwrap_or(&self.host))
    }

    /// What stands before all paths.
    pub(crate) fn prefix(&self) -> String {
        self.console.site.broker.config().http.path_prefix.clone()
    }

    /// Carries the tag `administrator`.
    pub(crate) fn is_administrator(&self) -> bool {
        self.user.has_tag("administrator")
    }

    /// May see what is everybody's.
    pub(crate) fn may_monitor(&self) -> bool {
        self.is_administrator() || self.user.has_tag("monitoring")
    }

    /// May change policies and parameters.
    pub(crate) fn may_make_policies(&self) -> bool {
        !self.is_read_only() && (self.is_administrator() || self.user.has_tag("policymaker"))
    }

    /// May change users and vhosts.
    pub(crate) fn may_administer(&self) -> bool {
        !self.is_read_only() && self.is_administrator()
    }

    /// Does the console change nothing at all?
    pub(crate) fn is_read_only(&self) -> bool {
        self.console.site.broker.config().http.read_only
    }

    /// May the visitor cut connections and consumers of `user`?
    pub(crate) fn may_cut(&self, user: &str) -> bool {
        !self.is_read_only() && (self.is_administrator() || user == self.user.name())
    }

    /// May the visitor cut all connections and consumers that lists show? They are the visitor's own, or everybody's.
    pub(crate) fn may_cut_what_is_listed(&self) -> bool {
        !self.is_read_only() && (self.is_administrator() || !self.may_monitor())
    }

    /// Might there be a queue or an exchange to which the broker would let the user do this, where the page is
    /// about? What nothing allows is not offered.
    pub(crate) fn may_anywhere(&self, permission: Permission) -> bool {
        let users = self.console.site.broker.users();
        let allows = |vhost: &str| {
            let given = users.permissions(self.user.name(), vhost);
            given.is_some_and(|given| given.allows_anything(permission))
        };
        let allowed = match self.vhost() {
            Some(vhost) => allows(vhost),
            None => users
                .vhosts_of(self.user.name())
                .iter()
                .any(|vhost| allows(vhost)),
        };
        !self.is_read_only() && allowed
    }

    /// Would the broker let the user do this to a queue or an exchange?
    pub(crate) fn may(
        &self,
        permission: Permission,
        kind: ResourceKind,
        vhost: &str,
        name: &str,
    ) -> bool {
        let users = self.console.site.broker.users();
        let changes = permission != Permission::Read;
        let allowed = users.require(&self.user, vhost, permission, kind, name);
        !(changes && self.is_read_only()) && allowed.is_ok()
    }

    /// The visitor has changed the user `name`: if that is the visitor, this session goes on, whatever the password is.
    pub(crate) fn keep_session_of(&self, name: &str) {
        let current = self.console.site.broker.users().user(name);
        if let Some(current) = current.filter(|_| name == self.user.name()) {
            self.console.sessions.set_user(&self.session, current);
        }
    }

    /// Looks the session up anew, without keeping it alive: does a stream's reader still have it?
    pub(crate) fn is_still_there(&self) -> bool {
        find(&self.console, &self.session, Sessions::seen).is_some()
    }
}

type Look = fn(&Sessions, &Key, Timestamp, Duration) -> Option<Found>;

/// The session, if its user is still who it was and may still manage.
fn find(console: &Console, key: &Key, look: Look) -> Option<Found> {
    let timeout = console.site.broker.config().http.session_timeout;
    let found = look(&console.sessions, key, clock::now(), timeout)?;
    let current = console.site.broker.users().user(found.user.name());
    match current {
        Some(current) if Arc::ptr_eq(&current, &found.user) => Some(found),
        // A new password ends sessions, new tags or limits do not.
        Some(current) if current.password() == found.user.password() && current.may_manage() => {
            console.sessions.set_user(key, Arc::clone(&current));
            Some(Found {
                user: current,
                ..found
            })
        }
        _ => {
            console.sessions.end(key);
            None
        }
    }
}

impl FromRequestParts<Console> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        let name = parts.uri.path().trim_start_matches("/console/");
        let is_live = name.starts_with(LIVE);
        let name = name.trim_start_matches(LIVE);
        let address = Address::parse(name, parts.uri.query().unwrap_or_default());
        let look = match is_live {
            true => Sessions::seen,
            false => Sessions::used,
        };
        let key = cookie(&parts.headers, SESSION_COOKIE).map(|value| Key::parse(&value));
        let found = key.and_then(|key| find(console, &key, look).map(|found| (key, found)));
        let Some((session, found)) = found else {
            return Err(login::ask(&parts.headers, &address));
        };
        Ok(Self {
            console: console.clone(),
            user: found.user,
            session,
            csrf: found.csrf,
            address,
            theme: theme(&parts.headers),
            host: host(&parts.headers),
            is_live,
            shown: None,
            flash: None,
            refused: parts.extensions.remove::<Refused>(),
            headers: [COOKIE, HOST]
                .into_iter()
                .filter_map(|name| Some((name.clone(), parts.headers.get(name)?.clone())))
                .collect(),
        })
    }
}

/// The value of a cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let texts = headers.get_all(COOKIE).iter();
    let mut cookies = texts
        .filter_map(|text| text.to_str().ok())
        .flat_map(cookie::Cookie::split_parse)
        .flatten();
    let found = cookies.find(|cookie| cookie.name() == name)?;
    Some(found.value().to_owned())
}

/// The theme that was chosen, if one was.
pub(crate) fn theme(headers: &HeaderMap) -> &'static str {
    match cookie(headers, THEME_COOKIE).as_deref() {
        Some("light") => "light",
        Some("dark") => "dark",
        _ => "",
    }
}

fn host(headers: &HeaderMap) -> String {
    let host = headers.get(HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        match port.bytes().all(|byte| byte.is_ascii_digit()) {
            true => name,
            false => host,
        }
    });
    match name {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}
