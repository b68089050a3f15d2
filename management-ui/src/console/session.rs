//! Who has logged in to the console. A session is in memory only: after a restart the password is asked for again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::auth::User;
use ferrymq_broker::clock::Timestamp;
use parking_lot::Mutex;

use super::undo::Undo;

/// More sessions than anybody has open; then those go that were not used for the longest time.
const MAX_SESSIONS: usize = 10_000;

/// All sessions.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<Key, Session>>);

/// What the browser's cookie holds: nobody guesses it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key(String);

/// What a page is told once, after something was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flash {
    pub(crate) text: String,
    /// The name of what takes it back, if something does.
    pub(crate) undo: Option<String>,
}

/// What was done, to be told.
#[derive(Debug, PartialEq)]
pub(crate) struct Done {
    pub(crate) text: String,
    /// What takes it back.
    pub(crate) undo: Option<Undo>,
}

/// Somebody who has logged in.
struct Session {
    user: Arc<User>,
    csrf: String,
    used_at: Timestamp,
    flash: Option<Flash>,
    /// What takes back what was done last, by its name.
    undo: Option<(String, Undo)>,
}

/// A session as a request finds it.
pub(crate) struct Found {
    /// As it was when it logged in, or later.
    pub(crate) user: Arc<User>,
    /// What every form must bring along.
    pub(crate) csrf: String,
}

impl Key {
    /// From a cookie's value.
    pub(crate) fn parse(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// For a cookie's value.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Done {
    /// It can't be taken back.
    fn from(text: String) -> Self {
        Self { text, undo: None }
    }
}

impl Sessions {
    /// Begins a session of `user`.
    pub(crate) fn begin(&self, user: Arc<User>, now: Timestamp) -> Key {
        let key = Key(secret());
        let session = Session {
            user,
            csrf: secret(),
            used_at: now,
            flash: None,
            undo: None,
        };
        let mut sessions = self.0.lock();
        if sessions.len() >= MAX_SESSIONS {
            forget_oldest(&mut sessions);
        }
        sessions.insert(key.clone(), session);
        key
    }

    /// The session `key`, if it was used less than `timeout` ago; it is used now.
    pub(crate) fn used(&self, key: &Key, now: Timestamp, timeout: Duration) -> Option<Found> {
        self.find(key, now, timeout, true)
    }

    /// The same for what a page does by itself: that keeps no session alive.
    pub(crate) fn seen(&self, key: &Key, now: Timestamp, timeout: Duration) -> Option<Found> {
        self.find(key, now, timeout, false)
    }

    fn find(&self, key: &Key, now: Timestamp, timeout: Duration, used: bool) -> Option<Found> {
        let mut sessions = self.0.lock();
        let session = sessions.get_mut(key)?;
        if now.since(session.used_at) >= timeout {
            sessions.remove(key);
            return None;
        }
        if used {
            session.used_at = now;
        }
        Some(Found {
            user: Arc::clone(&session.user),
            csrf: session.csrf.clone(),
        })
    }

    /// Ends a session.
    pub(crate) fn end(&self, key: &Key) {
        self.0.lock().remove(key);
    }

    /// Its user was changed, but is still the same person.
    pub(crate) fn set_user(&self, key: &Key, user: Arc<User>) {
        if let Some(session) = self.0.lock().get_mut(key) {
            session.user = user;
        }
    }

    /// The session's next page tells this. What was done before can't be taken back any more.
    pub(crate) fn tell(&self, key: &Key, done: Done) {
        if let Some(session) = self.0.lock().get_mut(key) {
            session.undo = done.undo.map(|undo| (secret(), undo));
            session.flash = Some(Flash {
                text: done.text,
                undo: session.undo.as_ref().map(|(name, _)| name.clone()),
            });
        }
    }

    /// What takes back what was done last, once, if it is called `name`.
    pub(crate) fn take_undo(&self, key: &Key, name: &str) -> Option<Undo> {
        let mut sessions = self.0.lock();
        let kept = &mut sessions.get_mut(key)?.undo;
        let (_, undo) = kept.take_if(|(kept, _)| kept == name)?;
        Some(undo)
    }

    /// What is to be told, once.
    pub(crate) fn take_flash(&self, key: &Key) -> Option<Flash> {
        self.0.lock().get_mut(key)?.flash.take()
    }
}

fn forget_oldest(sessions: &mut HashMap<Key, Session>) {
    let oldest = sessions.iter().min_by_key(|(_, session)| session.used_at);
    if let Some(key) = oldest.map(|(key, _)| key.clone()) {
        sessions.remove(&key);
    }
}

/// 128 bits that nobody guesses, in hexadecimal.
fn secret() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrymq_broker::auth::PasswordHash;

    const TIMEOUT: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn user() -> Arc<User> {
        let hash = PasswordHash::sha256(b"p");
        Arc::new(User::new("u", hash, vec!["management".to_owned()]))
    }

    #[test]
    fn a_session_ends_when_it_is_not_used() {
        let sessions = Sessions::default();
        let key = sessions.begin(user(), at(0));
        assert!(sessions.used(&key, at(59), TIMEOUT).is_some());
        assert!(sessions.seen(&key, at(118), TIMEOUT).is_some());
        assert!(sessions.used(&key, at(119), TIMEOUT).is_none());
        assert!(sessions.used(&key, at(60), TIMEOUT).is_none(), "it is gone");
    }

    #[test]
    fn sessions_have_secrets_of_their_own() {
        let sessions = Sessions::default();
        let (a, b) = (sessions.begin(user(), at(0)), sessions.begin(user(), at(0)));
        assert_ne!(a, b);
        let csrf = |key| sessions.used(key, at(1), TIMEOUT).unwrap().csrf;
        assert_ne!(csrf(&a), csrf(&b));
        assert_eq!(csrf(&a).len(), 32);
        sessions.end(&a);
        assert!(sessions.used(&a, at(1), TIMEOUT).is_none());
        assert!(sessions.used(&b, at(1), TIMEOUT).is_some());
    }

    #[test]
    fn a_page_is_told_once() {
        let sessions = Sessions::default();
        let key = sessions.begin(user(), at(0));
        sessions.tell(&key, "done".to_owned().into());
        let told = sessions.take_flash(&key).unwrap();
        assert_eq!((told.text.as_str(), told.undo), ("done", None));
        assert_eq!(sessions.take_flash(&key), None);
    }

    #[test]
    fn only_what_was_done_last_is_taken_back() {
        let sessions = Sessions::default();
        let key = sessions.begin(user(), at(0));
        let undo = |done: &str| Undo {
            calls: Vec::new(),
            done: done.to_owned(),
        };
        let tell = |done| {
            let text = "removed".to_owned();
            let undo = Some(undo(done));
            sessions.tell(&key, Done { text, undo });
            sessions.take_flash(&key).unwrap().undo.unwrap()
        };
        let (first, second) = (tell("first"), tell("second"));
        assert_eq!(sessions.take_undo(&key, &first), None);
        assert_eq!(sessions.take_undo(&key, &second), Some(undo("second")));
        assert_eq!(sessions.take_undo(&key, &second), None);
    }

    #[test]
    fn there_is_room_for_a_new_session() {
        let sessions = Sessions::default();
        let first = sessions.begin(user(), at(0));
        for _ in 0..MAX_SESSIONS {
            sessions.begin(user(), at(1));
        }
        assert!(sessions.used(&first, at(2), TIMEOUT).is_none());
        assert_eq!(sessions.0.lock().len(), MAX_SESSIONS);
    }
}
