//! The user whose password everybody knows.

use std::net::SocketAddr;
use std::sync::Arc;

use ferrymq_broker::auth::User;
use parking_lot::Mutex;

use super::finding::Finding;
use crate::console::address::Address;
use crate::console::visit::Visit;

/// Everybody knows this user's password, unless it was changed.
const NAME: &str = "guest";
const PASSWORD: &[u8] = b"guest";

/// Whether it was: a slow hash says so, once for each change of the user.
#[derive(Default)]
pub(crate) struct WellKnown(Mutex<Option<(Arc<User>, bool)>>);

impl WellKnown {
    /// Told to administrators, if the user may log in from another machine.
    pub(super) async fn look(&self, visit: &Visit) -> Option<Finding> {
        let site = &visit.console.site;
        let is_reachable = |address: SocketAddr| !address.ip().to_canonical().is_loopback();
        let mut listeners = site.listeners().into_iter();
        if !visit.is_administrator()
            || site.broker.users().is_loopback_only(NAME)
            || !listeners.any(|listener| is_reachable(listener.address))
        {
            return None;
        }
        let user = site.broker.users().user(NAME)?;
        let is_unchanged = match self.known(&user) {
            Some(is_unchanged) => is_unchanged,
            None => {
                let asked = Arc::clone(&user);
                let verify = move || asked.password().verify(PASSWORD);
                let is_unchanged = site.aside(verify).await.ok()?;
                *self.0.lock() = Some((user, is_unchanged));
                is_unchanged
            }
        };
        is_unchanged.then(|| Finding {
            kind: "bad",
            text: format!(
                "The user {NAME} may log in from anywhere with the password that everybody knows"
            ),
            about: "Give it another password, or delete it.",
            named: Vec::new(),
            to: Address::new("user").with("name", NAME).to_string(),
        })
    }

    fn known(&self, user: &Arc<User>) -> Option<bool> {
        let last = self.0.lock();
        let (known, is_unchanged) = last.as_ref()?;
        Arc::ptr_eq(known, user).then_some(*is_unchanged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrymq_broker::auth::PasswordHash;

    #[test]
    fn a_changed_user_is_asked_about_anew() {
        let user = || Arc::new(User::new(NAME, PasswordHash::sha256(PASSWORD), Vec::new()));
        let (before, after) = (user(), user());
        let well_known = WellKnown(Mutex::new(Some((Arc::clone(&before), true))));
        assert_eq!(well_known.known(&before), Some(true));
        assert_eq!(well_known.known(&after), None);
        assert_eq!(WellKnown::default().known(&after), None);
    }
}
