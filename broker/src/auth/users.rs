//! All users and their permissions, as a snapshot that readers take without a lock.
//!
//! Every change raises the generation: decisions that a channel keeps hold only while it stands,
//! so a revoked permission is gone with the next frame.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::passwords::PasswordHash;
use super::permissions::{AccessRefused, Permission, PermissionSet, TopicPermissionSet};
use super::verified::Verified;
use crate::clock::Timestamp;
use crate::limits::UserLimits;
use crate::names::Resource;

/// The default exchange's name where permissions are concerned.
const DEFAULT_EXCHANGE: &str = "amq.default";

/// Slow hashes computed at once, at most: each takes 7 MiB and a core.
const MAX_HASHES_AT_ONCE: usize = 4;

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    name: Arc<str>,
    password: PasswordHash,
    tags: Vec<String>,
    limits: UserLimits,
    /// Whoever administers this machine, see [`User::local`].
    is_local: bool,
}

/// Tags that open the management interface.
const MANAGEMENT_TAGS: [&str; 4] = ["management", "policymaker", "monitoring", "administrator"];

impl User {
    /// A user with a unique, case sensitive name.
    pub fn new(name: &str, password: PasswordHash, tags: Vec<String>) -> Self {
        Self {
            name: name.into(),
            password,
            tags,
            limits: UserLimits::default(),
            is_local: false,
        }
    }

    /// Somebody whom the operating system vouches for: an administrator who may do everything in
    /// every vhost. It is not among [`Users`], has no password, and shows up as `local:NAME`.
    pub fn local(name: &str) -> Self {
        let tags = vec!["administrator".to_owned()];
        Self {
            is_local: true,
            ..Self::new(&format!("local:{name}"), PasswordHash::Absent, tags)
        }
    }

    /// Does the operating system vouch for this user?
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// The same, who may open so much.
    pub fn with_limits(self, limits: UserLimits) -> Self {
        Self { limits, ..self }
    }

    /// How much the user may open.
    pub fn limits(&self) -> UserLimits {
        self.limits
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same, for those who keep it.
    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// How the password is recognised.
    pub fn password(&self) -> &PasswordHash {
        &self.password
    }

    /// What the user may do beside AMQP; unknown ones mean nothing.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// May the user publish in other users' names?
    pub fn is_impersonator(&self) -> bool {
        self.has_tag("impersonator")
    }

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
    /// Milliseconds; 0: not since the start. Shared by all that the account was.
    last_login: Arc<AtomicU64>,
    /// By vhost.
    access: BTreeMap<Arc<str>, Access>,
}

impl Account {
    fn new(user: Arc<User>) -> Self {
        Self {
            user,
            last_login: Arc::default(),
            access: BTreeMap::new(),
        }
    }
}

type Accounts = imbl::OrdMap<Arc<str>, Account>;

/// What a permission is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    /// A queue.
    Queue,
    /// An exchange.
    Exchange,
}

impl ResourceKind {
    /// The name that patterns are held against and that refusals show.
    fn checked_name(self, name: &str) -> &str {
        match (self, name) {
            (Self::Exchange, "") => DEFAULT_EXCHANGE,
            _ => name,
        }
    }

    fn resource(self, name: &str, vhost: &str) -> Resource {
        match self {
            Self::Queue => Resource::queue(name, vhost),
            Self::Exchange => Resource::exchange(name, vhost),
        }
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
    pub(super) verified: Mutex<Verified>,
    /// A permit per slow hash.
    pub(super) hashing: Arc<Semaphore>,
    /// Those who may only come from this machine.
    pub(super) loopback_users: ArcSwap<Vec<String>>,
}

impl Users {
    /// Nobody yet. `loopback_users` may only come from this machine.
    pub fn new(loopback_users: Vec<String>) -> Self {
        // Somebody who guesses passwords leaves half of the cores to the others.
        let cores = available_parallelism().map_or(1, |cores| cores.get());
        let hashes = (cores / 2).clamp(1, MAX_HASHES_AT_ONCE);
        Self {
            accounts: ArcSwap::default(),
            changing: Mutex::new(()),
            generation: AtomicU64::new(1),
            verified: Mutex::new(Verified::new()),
            hashing: Arc::new(Semaphore::new(hashes)),
            loopback_users: ArcSwap::from_pointee(loopback_users),
        }
    }

    /// From now on these may only come from this machine. Who is connected stays.
    pub fn set_loopback_users(&self, users: Vec<String>) {
        self.loopback_users.store(Arc::new(users));
    }

    /// Raised by every change. A decision taken under one generation holds while it stands: read
    /// it first, decide, then remember both.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// May `user` open `vhost`?
    ///
    /// # Errors
    /// When no permissions, not even empty ones, were given there.
    pub fn require_vhost(&self, user: &User, vhost: &str) -> Result<(), VHostRefused> {
        match user.is_local || self.permissions(&user.name, vhost).is_some() {
            true => Ok(()),
            false => Err(VHostRefused {
                user: user.name.to_string(),
                vhost: vhost.to_owned(),
            }),
        }
    }

    /// May `user` do this to a queue or exchange, existing or not?
    ///
    /// # Errors
    /// With the text that the client reads.
    pub fn require(
        &self,
        user: &User,
        vhost: &str,
        permission: Permission,
        kind: ResourceKind,
        name: &str,
    ) -> Result<(), AccessRefused> {
        let name = kind.checked_name(name);
        let given = self.permissions(&user.name, vhost);
        if user.is_local || given.is_some_and(|given| given.allows(permission, name)) {
            return Ok(());
        }
        Err(AccessRefused::Resource {
            permission,
            resource: kind.resource(name, vhost),
            user: user.name.to_string(),
        })
    }

    /// May `user` do anything at all to a queue or exchange? Passive declarations ask this.
    ///
    /// # Errors
    /// Names the missing `configure`, as if that were needed.
    pub fn require_any(
        &self,
        user: &User,
        vhost: &str,
        kind: ResourceKind,
        name: &str,
    ) -> Result<(), AccessRefused> {
        let allowed = |permission| self.require(user, vhost, permission, kind, name);
        allowed(Permission::Read)
            .or_else(|_| allowed(Permission::Write))
            .or_else(|_| allowed(Permission::Configure))
    }

    /// May `user` publish with (`Write`) or bind with (`Read`) this key, on a topic exchange?
    /// Beside [`Users::require`], not instead of it.
    ///
    /// # Errors
    /// With the text that the client reads.
    pub fn require_topic(
        &self,
        user: &User,
        vhost: &str,
        permission: Permission,
        exchange: &str,
        routing_key: &str,
    ) -> Result<(), AccessRefused> {
        let accounts = self.accounts.load();
        let given = accounts
            .get(&user.name)
            .filter(|_| !user.is_local)
            .and_then(|account| account.access.get(vhost))
            .and_then(|access| access.topics.get(exchange));
        match given {
            Some(given) if !given.allows(permission, routing_key) => Err(AccessRefused::Topic {
                permission,
                routing_key: routing_key.to_owned(),
                exchange: Resource::exchange(exchange, vhost),
                user: user.name.to_string(),
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

    /// When somebody last logged in as `user`, by whatever protocol; `None`: not since the start.
    pub fn last_login(&self, user: &str) -> Option<Timestamp> {
        let accounts = self.accounts.load();
        let last_login = accounts.get(user)?.last_login.load(Ordering::Relaxed);
        (last_login > 0).then(|| Timestamp::from_millis(last_login))
    }

    /// `user` logs in.
    pub(super) fn note_login(&self, user: &str, now: Timestamp) {
        if let Some(account) = self.accounts.load().get(user) {
            account.last_login.store(now.as_millis(), Ordering::Relaxed);
        }
    }

    /// What `user` may do in `vhost`; `None`: not even open it.
    pub fn permissions(&self, user: &str, vhost: &str) -> Option<Arc<PermissionSet>> {
        let accounts = self.accounts.load();
        accounts.get(user)?.access.get(vhost)?.permissions.clone()
    }

    /// The vhosts that are open to `user`, by name.
    pub fn vhosts_of(&self, user: &str) -> Vec<Arc<str>> {
        let accounts = self.accounts.load();
        let access = accounts.get(user).into_iter();
        let access = access.flat_map(|account| &account.access);
        let open = access.filter(|(_, access)| access.permissions.is_some());
        open.map(|(vhost, _)| Arc::clone(vhost)).collect()
    }

    /// The names of those whom `vhost` is open to.
    pub fn users_of(&self, vhost: &str) -> Vec<Arc<str>> {
        let accounts = self.accounts.load();
        let is_open = |account: &Account| {
            let access = account.access.get(vhost);
            access.is_some_and(|access| access.permissions.is_some())
        };
        let users = accounts.iter().filter(|(_, account)| is_open(account));
        users.map(|(name, _)| Arc::clone(name)).collect()
    }

    /// What `user` may do with topic exchanges of `vhost`, by exchange.
    pub fn topic_permissions(
        &self,
        user: &str,
        vhost: &str,
    ) -> Vec<(Arc<str>, Arc<TopicPermissionSet>)> {
        let accounts = self.accounts.load();
        let account = accounts.get(user);
        let access = account.and_then(|account| account.access.get(vhost));
        let topics = access.into_iter().flat_map(|access| &access.topics);
        topics
            .map(|(exchange, set)| (Arc::clone(exchange), Arc::clone(set)))
            .collect()
    }

    /// Adds a user, or replaces the one with this name, which keeps its permissions.
    pub fn put_user(&self, user: User) {
        self.change(|accounts| {
            let name = Arc::clone(&user.name);
            let user = Arc::new(user);
            let account = match accounts.get(&name) {
                Some(before) => Account {
                    user,
                    ..before.clone()
                },
                None => Account::new(user),
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

    fn user(name: &str, password: PasswordHash) -> User {
        User::new(name, password, vec![])
    }

    fn app() -> User {
        user("app", PasswordHash::Absent)
    }

    fn users() -> Users {
        let users = Users::new(vec!["guest".into()]);
        users.put_user(user("guest", PasswordHash::sha256(b"guest")));
        users.put_user(user("app", PasswordHash::sha256(b"secret")));
        users
    }

    #[test]
    fn permissions_are_per_user_and_vhost() {
        let users = users();
        assert!(users.require_vhost(&app(), "/").is_err());
        let set = PermissionSet::parse("", "^out", ".*").unwrap();
        users.set_permissions("app", "/", set).unwrap();
        let check =
            |permission, kind, name| users.require(&app(), "/", permission, kind, name).is_ok();
        assert!(users.require_vhost(&app(), "/").is_ok());
        assert!(users.require_vhost(&app(), "other").is_err());
        assert!(!check(Permission::Configure, ResourceKind::Queue, "q"));
        assert!(check(Permission::Write, ResourceKind::Exchange, "out"));
        assert!(!check(Permission::Write, ResourceKind::Exchange, ""));
        assert!(check(Permission::Read, ResourceKind::Queue, "q"));
        assert_eq!(users.vhosts_of("app"), ["/".into()]);
        assert_eq!(users.users_of("/"), ["app".into()]);
        users.clear_permissions("app", "/").unwrap();
        assert!(!check(Permission::Read, ResourceKind::Queue, "q"));
        assert!(users.vhosts_of("app").is_empty() && users.users_of("/").is_empty());
    }

    #[test]
    fn who_administers_the_machine_may_do_everything() {
        let users = users();
        let root = User::local("root");
        assert_eq!(root.name(), "local:root");
        assert!(root.may_manage() && root.has_tag("administrator"));
        assert!(users.user(root.name()).is_none());
        assert!(users.require_vhost(&root, "/").is_ok());
        let write = Permission::Write;
        let required = users.require(&root, "/", write, ResourceKind::Queue, "q");
        assert!(required.is_ok());
        let namesake = user("local:root", PasswordHash::Absent);
        users.put_user(namesake.clone());
        let set = TopicPermissionSet::parse("^$", "^$", "local:root", "/").unwrap();
        let given = users.set_topic_permissions("local:root", "/", "news", set);
        given.unwrap();
        assert!(users.require_topic(&root, "/", write, "news", "k").is_ok());
        assert!(users.require_vhost(&namesake, "/").is_err());
    }

    #[test]
    fn the_default_exchange_has_a_name_here() {
        let users = users();
        let set = PermissionSet::parse("", "^amq\\.default$", "").unwrap();
        users.set_permissions("app", "/", set).unwrap();
        let check = |permission| users.require(&app(), "/", permission, ResourceKind::Exchange, "");
        assert!(check(Permission::Write).is_ok());
        let refused = check(Permission::Read).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "read access to exchange 'amq.default' in vhost '/' refused for user 'app'"
        );
    }

    #[test]
    fn any_permission_is_enough_to_look() {
        let users = users();
        let set = PermissionSet::parse("", "^out", "").unwrap();
        users.set_permissions("app", "/", set).unwrap();
        let look = |name| users.require_any(&app(), "/", ResourceKind::Queue, name);
        assert!(look("out").is_ok());
        let refused = look("in").unwrap_err().to_string();
        assert!(refused.starts_with("configure access to queue 'in'"));
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
                .require_topic(&app(), "/", Permission::Write, exchange, key)
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
        assert!(users.require_vhost(&app(), "other").is_err());
        assert!(users.require_vhost(&app(), "/").is_ok());
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
    fn tags_open_the_management_interface() {
        let tagged = |tags: &[&str]| {
            let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            User::new("u", PasswordHash::Absent, tags)
        };
        assert!(tagged(&["administrator"]).may_manage());
        assert!(tagged(&["x", "monitoring"]).may_manage());
        assert!(!tagged(&["impersonator"]).may_manage());
        assert!(tagged(&["impersonator"]).is_impersonator());
    }
}
