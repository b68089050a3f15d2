//! Logging in: who is it that gave this name and password?

use std::net::IpAddr;
use std::sync::Arc;

use super::passwords::verify_nobody;
use super::users::{User, Users};
use crate::clock::Timestamp;

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
        user: String,
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

impl Users {
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
            return self.admit(known, peer, now);
        }
        let Some(found) = self.user(user) else {
            verify_nobody(password);
            return Err(LoginRefused::NoSuchUser(user.to_owned()));
        };
        if !found.password().verify(password) {
            return Err(LoginRefused::WrongPassword(user.to_owned()));
        }
        self.verified.lock().remember(&found, password, now);
        self.admit(found, peer, now)
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
            return self.admit(known, peer, now);
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

    /// May this user log in from the broker's own machine only?
    pub fn is_loopback_only(&self, user: &str) -> bool {
        self.loopback_users.load().iter().any(|name| name == user)
    }

    fn admit(
        &self,
        user: Arc<User>,
        peer: IpAddr,
        now: Timestamp,
    ) -> Result<Arc<User>, LoginRefused> {
        if self.is_loopback_only(user.name()) && !peer.to_canonical().is_loopback() {
            let user = user.name().to_owned();
            return Err(LoginRefused::NotFromLoopback { user, peer });
        }
        self.note_login(user.name(), now);
        Ok(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::passwords::PasswordHash;

    const NOW: Timestamp = Timestamp::from_millis(1_000);
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn user(name: &str, password: PasswordHash) -> User {
        User::new(name, password, vec![])
    }

    fn users() -> Users {
        let users = Users::new(vec!["guest".into()]);
        users.put_user(user("guest", PasswordHash::sha256(b"guest")));
        users.put_user(user("app", PasswordHash::sha256(b"secret")));
        users
    }

    fn authenticate(users: &Users, name: &str, password: &str) -> Result<(), LoginRefused> {
        let found = users.authenticate(name, password.as_bytes(), HERE, NOW);
        found.map(|user| assert_eq!(user.name(), name))
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
    fn the_last_login_is_known() {
        let users = users();
        let login = |password: &[u8], now: u64| {
            let now = Timestamp::from_millis(now);
            let _ = users.authenticate("app", password, HERE, now);
            users.last_login("app")
        };
        let at = |millis| Some(Timestamp::from_millis(millis));
        assert_eq!(login(b"wrong", 1), None);
        assert_eq!(login(b"secret", 2), at(2));
        assert_eq!(login(b"secret", 3), at(3));
        assert_eq!(login(b"wrong", 4), at(3));
        users.put_user(user("app", PasswordHash::sha256(b"other")));
        assert_eq!(users.last_login("app"), at(3));
        users.delete_user("app");
        users.put_user(user("app", PasswordHash::sha256(b"secret")));
        assert_eq!(users.last_login("app"), None);
        assert_eq!(users.last_login("nobody"), None);
    }

    #[test]
    fn refusals_cannot_forge_log_lines() {
        let refused = LoginRefused::NoSuchUser("a\nb".into()).to_string();
        assert_eq!(refused, "user 'a\\nb' - invalid credentials: no such user");
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
}
