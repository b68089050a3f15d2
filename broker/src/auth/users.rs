//! All users and their permissions, as a snapshot that readers take without a lock.
//!
//! Every change raises the generation: decisions that a channel keeps hold only while it stands,
//! so a revoked permission is gone with the next frame.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::passwords::{PasswordHash, verify_nobody};
use super::permissions::{AccessRefused, Permission, PermissionSet, TopicPermissionSet};
use super::verified::Verified;
use crate::clock::Timestamp;
use crate::names::Resource;

/// The default exchange's name where permissions are concerned.
const DEFAULT_EXCHANGE: &str = "amq.default";

/// Slow hashes computed at once: each takes 7 MiB and a core.
const HASHES_AT_ONCE: usize = 2;

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Unique, case sensitive.
    pub name: Arc<str>,
    /// How the password is recognised.
    pub password: PasswordHash,
    /// What the user may do outside AMQP; unknown ones mean nothing.
    pub tags: Vec<String>,
}

/// Tags that open the management interface.
const MANAGEMENT_TAGS: [&str; 4] = ["management", "policymaker", "monitoring", "administrator"];

impl User {
    /// Does the user carry `tag`?
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own == tag)
    }

    /// May the user log in to the management interface?
    pub fn may_manage(&self) -> bool {
        MANAGEMENT_TAGS.iter().any(|tag| self.has_tag(tag))
    }
}

/// A user's rights in one vhost.
#[derive(Debug, Clone, Default)]
struct Access {
    /// Without them the vhost is closed to the user.
    permissions: Option<Arc<PermissionSet>>,
    /// By exchange.
    topics: BTreeMap<Arc<str>, Arc<TopicPermissionSet>>,
}

#[derive(Debug, Clone)]
struct Account {
    user: Arc<User>,
    /// By vhost.
    access: BTreeMap<Arc<str>, Access>,
}

type Accounts = imbl::OrdMap<Arc<str>, Account>;

/// What a permission is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A queue, by its name.
    Queue(&'a str),
    /// An exchange, by its name; empty is the default exchange.
    Exchange(&'a str),
}

impl<'a> Target<'a> {
    /// The name that patterns are held against.
    fn name(self) -> &'a str {
        match self {
            Self::Exchange("") => DEFAULT_EXCHANGE,
            Self::Queue(name) | Self::Exchange(name) => name,
        }
    }

    fn resource(self, vhost: &str) -> Resource {
        match self {
            Self::Queue(name) => Resource::queue(name, vhost),
            Self::Exchange(_) => Resource::exchange(self.name(), vhost),
        }
    }
}

/// Why a login failed: for the log. The client reads [`LoginRefused::client_text`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginRefused {
    /// Nobody has a blank password.
    #[error("user '{}' - invalid credentials: the password is blank", .0.escape_debug())]
    BlankPassword(String),
    /// There is no such user.
    #[error("user '{}' - invalid credentials: no such user", .0.escape_debug())]
    NoSuchUser(String),
    /// The password is another one.
    #[error("user '{}' - invalid credentials: wrong password", .0.escape_debug())]
    WrongPassword(String),
    /// The password is right, but the user may only come from this machine.
    #[error(
        "user '{user}' can only connect via localhost, not from {peer} (setting `loopback_users`)"
    )]
    NotFromLoopback {
        /// The user's name.
        user: Arc<str>,
        /// Where the connection comes from.
        peer: IpAddr,
    },
}

impl LoginRefused {
    /// What the client reads after `ACCESS_REFUSED - `, whatever the reason.
    pub fn client_text(mechanism: &str) -> String {
        format!(
            "Login was refused using authentication mechanism {mechanism}. \
             For details see the broker logfile."
        )
    }
}

/// The user has no permissions in the vhost. The text is for `NOT_ALLOWED - `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("access to vhost '{vhost}' refused for user '{user}'")]
pub struct VHostRefused {
    user: String,
    vhost: String,
}

/// Permissions can only be given to somebody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no user '{0}'")]
pub struct NoSuchUser(pub String);

/// All users and their permissions.
pub struct Users {
    accounts: ArcSwap<Accounts>,
    /// Held while a new snapshot is made from the current one.
    changing: Mutex<()>,
    generation: AtomicU64,
    verified: Mutex<Verified>,
    hashing: Arc<Semaphore>,
    loopback_users: Vec<String>,
}

impl Users {
    /// Nobody yet. `loopback_users` may only come from this machine.
    pub fn new(loopback_users: Vec<String>) -> Self {
        Self {
            accounts: ArcSwap::default(),
            changing: Mutex::new(()),
            generation: AtomicU64::new(1),
            verified: Mutex::new(Verified::new()),
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            loopback_users,
        }
    }

    /// Raised by every change. A decision taken under one generation holds while it stands: read
    /// it first, decide, then remember both.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Who is it that gave this name and password?
    ///
    /// May compute a slow hash, some 10 ms of processor time: tasks call [`Users::login`].
    ///
    /// # Errors
    /// Says why not. An unknown user takes as long as a wrong password.
    pub fn authenticate(
        &self,
        user: &str,
        password: &[u8],
        peer: IpAddr,
        now: Timestamp,
    ) -> Result<Arc<User>, LoginRefused> {
        if password.is_empty() {
            return Err(LoginRefused::BlankPassword(user.to_owned()));
        }
        if let Some(known) = self.recently_verified(user, password, now) {
            return self.admit(known, peer);
        }
        let Some(found) = self.user(user) else {
            verify_nobody(password);
            return Err(LoginRefused::NoSuchUser(user.to_owned()));
        };
        if !found.password.verify(password) {
            return Err(LoginRefused::WrongPassword(user.to_owned()));
        }
        self.verified.lock().remember(&found, password, now);
        self.admit(found, peer)
    }

    /// [`Users::authenticate`] for tasks: slow hashes run on a blocking thread, few at once.
    ///
    /// # Errors
    /// Says why not.
    pub async fn login(
        self: &Arc<Self>,
        user: String,
        password: Vec<u8>,
        peer: IpAddr,
        now: Timestamp,
    ) -> Result<Arc<User>, LoginRefused> {
        if password.is_empty() {
            return Err(LoginRefused::BlankPassword(user));
        }
        if let Some(known) = self.recently_verified(&user, &password, now) {
            return self.admit(known, peer);
        }
        let permit = Arc::clone(&self.hashing).acquire_owned().await;
        let users = Arc::clone(self);
        let slow = move || {
            // The thread holds it: the task may give up while the hash is being computed.
            let _permit = permit;
            users.authenticate(&user, &password, peer, now)
        };
        let outcome = tokio::task::spawn_blocking(slow).await;
        outcome.expect("authentication does not panic")
    }

    /// The user, if the same credentials were verified some seconds ago.
    fn recently_verified(&self, name: &str, password: &[u8], now: Timestamp) -> Option<Arc<User>> {
        let user = self.user(name)?;
        let known = self.verified.lock().recognises(&user, password, now);
        known.then_some(user)
    }

    fn admit(&self, user: Arc<User>, peer: IpAddr) -> Result<Arc<User>, LoginRefused> {
        let restricted = self.loopback_users.iter().any(|name| **name == *user.name);
        if restricted && !peer.to_canonical().is_loopback() {
            let user = Arc::clone(&user.name);
            return Err(LoginRefused::NotFromLoopback { user, peer });
        }
        Ok(user)
    }

    /// May `user` open `vhost`?
    ///
    /// # Errors
    /// When no permissions, not even empty ones, were given there.
    pub fn check_vhost(&self, user: &str, vhost: &str) -> Result<(), VHostRefused> {
        self.permissions(user, vhost)
            .map(|_| ())
            .ok_or_else(|| VHostRefused {
                user: user.to_owned(),
                vhost: vhost.to_owned(),
            })
    }

    /// May `user` do this to a queue or exchange, existing or not?
    ///
    /// # Errors
    /// With the text that the client reads.
    pub fn check(
        &self,
        user: &str,
        vhost: &str,
        permission: Permission,
        target: Target<'_>,
    ) -> Result<(), AccessRefused> {
        let given = self.permissions(user, vhost);
        if given.is_some_and(|given| given.allows(permission, target.name())) {
            return Ok(());
        }
        Err(AccessRefused::Resource {
            permission,
            resource: target.resource(vhost),
            user: user.to_owned(),
        })
    }

    /// May `user` publish with (`Write`) or bind with (`Read`) this key, on a topic exchange?
    /// Beside [`Users::check`], not instead of it.
    ///
    /// # Errors
    /// With the text that the client reads.
    pub fn check_topic(
        &self,
        user: &str,
        vhost: &str,
        permission: Permission,
        exchange: &str,
        routing_key: &str,
    ) -> Result<(), AccessRefused> {
        let accounts = self.accounts.load();
        let given = accounts
            .get(user)
            .and_then(|account| account.access.get(vhost))
            .and_then(|access| access.topics.get(exchange));
        match given {
            Some(given) if !given.allows(permission, routing_key) => Err(AccessRefused::Topic {
                permission,
                routing_key: routing_key.to_owned(),
                exchange: Resource::exchange(exchange, vhost),
                user: user.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// The user with this name.
    pub fn user(&self, name: &str) -> Option<Arc<User>> {
        let accounts = self.accounts.load();
        accounts.get(name).map(|account| Arc::clone(&account.user))
    }

    /// All users, by name.
    pub fn users(&self) -> Vec<Arc<User>> {
        let accounts = self.accounts.load();
        let users = accounts.values().map(|account| Arc::clone(&account.user));
        users.collect()
    }

    /// What `user` may do in `vhost`; `None`: not even open it.
    pub fn permissions(&self, user: &str, vhost: &str) -> Option<Arc<PermissionSet>> {
        let accounts = self.accounts.load();
        accounts.get(user)?.access.get(vhost)?.permissions.clone()
    }

    /// Adds a user, or replaces the one with this name, which keeps its permissions.
    pub fn put_user(&self, user: User) {
        self.change(|accounts| {
            let name = Arc::clone(&user.name);
            let access = accounts.get(&name).map(|account| account.access.clone());
            let account = Account {
                user: Arc::new(user),
                access: access.unwrap_or_default(),
            };
            accounts.insert(name, account);
        });
    }

    /// Removes a user and all its permissions. `false`: there was none.
    pub fn delete_user(&self, name: &str) -> bool {
        self.change(|accounts| accounts.remove(name).is_some())
    }

    /// Gives `user` permissions in `vhost`, instead of those it had there.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn set_permissions(
        &self,
        user: &str,
        vhost: &str,
        permissions: PermissionSet,
    ) -> Result<(), NoSuchUser> {
        self.change_access(user, vhost, |access| {
            access.permissions = Some(Arc::new(permissions));
        })
    }

    /// Closes `vhost` to `user`. Topic permissions stay.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn clear_permissions(&self, user: &str, vhost: &str) -> Result<(), NoSuchUser> {
        self.change_access(user, vhost, |access| access.permissions = None)
    }

    /// Limits the routing keys that `user` may use with a topic exchange.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn set_topic_permissions(
        &self,
        user: &str,
        vhost: &str,
        exchange: &str,
        permissions: TopicPermissionSet,
    ) -> Result<(), NoSuchUser> {
        self.change_access(user, vhost, |access| {
            access.topics.insert(exchange.into(), Arc::new(permissions));
        })
    }

    /// Lifts the limits of [`Users::set_topic_permissions`].
    ///
    /// # Errors
    /// When there is no such user.
    pub fn clear_topic_permissions(
        &self,
        user: &str,
        vhost: &str,
        exchange: &str,
    ) -> Result<(), NoSuchUser> {
        self.change_access(user, vhost, |access| {
            access.topics.remove(exchange);
        })
    }

    /// Removes everybody's permissions in a vhost that is gone.
    pub fn delete_vhost(&self, vhost: &str) {
        self.change(|accounts| {
            let concerned = accounts
                .iter()
                .filter(|(_, account)| account.access.contains_key(vhost));
            let concerned: Vec<_> = concerned.map(|(name, _)| Arc::clone(name)).collect();
            for name in concerned {
                if let Some(account) = accounts.get_mut(&name) {
                    account.access.remove(vhost);
                }
            }
        });
    }

    fn change_access(
        &self,
        user: &str,
        vhost: &str,
        change: impl FnOnce(&mut Access),
    ) -> Result<(), NoSuchUser> {
        self.change(|accounts| match accounts.get_mut(user) {
            Some(account) => {
                change(account.access.entry(vhost.into()).or_default());
                Ok(())
            }
            None => Err(NoSuchUser(user.to_owned())),
        })
    }

    /// The new snapshot is in place before the generation is raised: who sees the new generation
    /// decides by the new snapshot.
    fn change<T>(&self, change: impl FnOnce(&mut Accounts) -> T) -> T {
        let _changing = self.changing.lock();
        let mut accounts = Accounts::clone(&self.accounts.load());
        let outcome = change(&mut accounts);
        self.accounts.store(Arc::new(accounts));
        self.generation.fetch_add(1, Ordering::Release);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::passwords::Digest;

    const NOW: Timestamp = Timestamp::from_millis(1_000);
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn user(name: &str, password: PasswordHash) -> User {
        User {
            name: name.into(),
            password,
            tags: vec![],
        }
    }

    fn users() -> Users {
        let users = Users::new(vec!["guest".into()]);
        users.put_user(user("guest", PasswordHash::sha256(b"guest")));
        users.put_user(user("app", PasswordHash::sha256(b"secret")));
        users
    }

    fn authenticate(users: &Users, name: &str, password: &str) -> Result<(), LoginRefused> {
        let found = users.authenticate(name, password.as_bytes(), HERE, NOW);
        found.map(|user| assert_eq!(&*user.name, name))
    }

    #[test]
    fn credentials_are_checked() {
        let users = users();
        assert_eq!(authenticate(&users, "app", "secret"), Ok(()));
        let wrong = LoginRefused::WrongPassword("app".into());
        assert_eq!(authenticate(&users, "app", "Secret"), Err(wrong));
        let nobody = LoginRefused::NoSuchUser("App".into());
        assert_eq!(authenticate(&users, "App", "secret"), Err(nobody));
        let blank = LoginRefused::BlankPassword("app".into());
        assert_eq!(authenticate(&users, "app", ""), Err(blank));
    }

    #[test]
    fn a_user_without_a_hash_cannot_log_in_with_a_password() {
        let users = users();
        users.put_user(user("cert", PasswordHash::Absent));
        assert!(authenticate(&users, "cert", "").is_err());
        assert!(authenticate(&users, "cert", "x").is_err());
    }

    #[test]
    fn a_new_password_counts_at_once() {
        let users = users();
        assert_eq!(authenticate(&users, "app", "secret"), Ok(()));
        users.put_user(user("app", PasswordHash::sha256(b"other")));
        assert!(authenticate(&users, "app", "secret").is_err());
        assert_eq!(authenticate(&users, "app", "other"), Ok(()));
        users.delete_user("app");
        assert!(authenticate(&users, "app", "other").is_err());
    }

    #[test]
    fn guest_stays_at_home() {
        let users = users();
        let from = |peer: &str| {
            let peer = peer.parse().unwrap();
            users.authenticate("guest", b"guest", peer, NOW).map(|_| ())
        };
        for home in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(from(home), Ok(()), "{home}");
        }
        for away in ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"] {
            let refusal = from(away).unwrap_err().to_string();
            assert!(refusal.contains("only connect via localhost"));
            assert!(refusal.contains("loopback_users"));
        }
        let away: IpAddr = "10.0.0.1".parse().unwrap();
        assert!(users.authenticate("app", b"secret", away, NOW).is_ok());
        let wrong = users.authenticate("guest", b"x", away, NOW).unwrap_err();
        assert_eq!(wrong, LoginRefused::WrongPassword("guest".into()));
    }

    #[test]
    fn refusals_cannot_forge_log_lines() {
        let refused = LoginRefused::NoSuchUser("a\nb".into()).to_string();
        assert_eq!(refused, "user 'a\\nb' - invalid credentials: no such user");
    }

    #[test]
    fn permissions_are_per_user_and_vhost() {
        let users = users();
        assert!(users.check_vhost("app", "/").is_err());
        let set = PermissionSet::parse("", "^out", ".*").unwrap();
        users.set_permissions("app", "/", set).unwrap();
        let check = |permission, target| users.check("app", "/", permission, target).is_ok();
        assert!(users.check_vhost("app", "/").is_ok());
        assert!(users.check_vhost("app", "other").is_err());
        assert!(!check(Permission::Configure, Target::Queue("q")));
        assert!(check(Permission::Write, Target::Exchange("out")));
        assert!(!check(Permission::Write, Target::Exchange("")));
        assert!(check(Permission::Read, Target::Queue("q")));
        users.clear_permissions("app", "/").unwrap();
        assert!(!check(Permission::Read, Target::Queue("q")));
    }

    #[test]
    fn the_default_exchange_has_a_name_here() {
        let users = users();
        let set = PermissionSet::parse("", "^amq\\.default$", "").unwrap();
        users.set_permissions("app", "/", set).unwrap();
        let target = Target::Exchange("");
        assert!(users.check("app", "/", Permission::Write, target).is_ok());
        let refused = users
            .check("app", "/", Permission::Read, target)
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "read access to exchange 'amq.default' in vhost '/' refused for user 'app'"
        );
    }

    #[test]
    fn topic_permissions_limit_one_exchange() {
        let users = users();
        let set = TopicPermissionSet::parse("^{username}\\.", "", "app", "/").unwrap();
        users
            .set_topic_permissions("app", "/", "news", set)
            .unwrap();
        let check = |exchange, key| {
            users
                .check_topic("app", "/", Permission::Write, exchange, key)
                .is_ok()
        };
        assert!(check("news", "app.x"));
        assert!(!check("news", "other.x"));
        assert!(check("amq.topic", "other.x"));
        users.clear_topic_permissions("app", "/", "news").unwrap();
        assert!(check("news", "other.x"));
    }

    #[test]
    fn a_vhost_takes_its_permissions_along() {
        let users = users();
        for vhost in ["/", "other"] {
            let all = PermissionSet::all();
            users.set_permissions("app", vhost, all).unwrap();
        }
        users.delete_vhost("other");
        assert!(users.check_vhost("app", "other").is_err());
        assert!(users.check_vhost("app", "/").is_ok());
    }

    #[test]
    fn every_change_raises_the_generation() {
        let users = users();
        let mut last = users.generation();
        let mut check = |changed: &str| {
            assert!(users.generation() > last, "{changed}");
            last = users.generation();
        };
        users
            .set_permissions("app", "/", PermissionSet::all())
            .unwrap();
        check("permissions");
        users.put_user(user("app", PasswordHash::sha256(b"p")));
        check("password");
        assert!(users.permissions("app", "/").is_some());
        users.delete_vhost("/");
        check("vhost");
        users.delete_user("app");
        check("user");
        let gone = users.set_permissions("app", "/", PermissionSet::all());
        assert_eq!(gone, Err(NoSuchUser("app".into())));
    }

    #[test]
    fn a_second_login_pays_no_slow_hash() {
        let users = Users::new(vec![]);
        users.put_user(user("app", PasswordHash::argon2id(b"secret")));
        assert_eq!(authenticate(&users, "app", "secret"), Ok(()));
        let known = users.recently_verified("app", b"secret", NOW);
        assert!(known.is_some());
        assert!(users.recently_verified("app", b"Secret", NOW).is_none());
    }

    #[tokio::test]
    async fn tasks_log_in_the_same_way() {
        let users = Arc::new(users());
        let login = |name: &str, password: &str| {
            let (name, password) = (name.to_owned(), password.as_bytes().to_vec());
            let users = Arc::clone(&users);
            async move { users.login(name, password, HERE, NOW).await.is_ok() }
        };
        assert!(login("app", "secret").await);
        assert!(login("app", "secret").await);
        assert!(!login("app", "wrong").await);
        assert!(!login("app", "").await);
    }

    #[test]
    fn tags_open_the_management_interface() {
        let tagged = |tags: &[&str]| User {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..user(
                "u",
                PasswordHash::parse("", Some(Digest::Md5.name())).unwrap(),
            )
        };
        assert!(tagged(&["administrator"]).may_manage());
        assert!(tagged(&["x", "monitoring"]).may_manage());
        assert!(!tagged(&["impersonator"]).may_manage());
        assert!(tagged(&["impersonator"]).has_tag("impersonator"));
    }
}
