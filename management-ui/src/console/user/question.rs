//! May somebody do something? Answered by what decides it for AMQP clients.

use ferrymq_broker::auth::{Permission, ResourceKind};

use crate::console::visit::Visit;

/// What is asked, and the answer.
pub(super) struct Question {
    pub(super) is_asked: bool,
    pub(super) vhost: String,
    pub(super) permission: &'static str,
    pub(super) kind: &'static str,
    pub(super) resource: String,
    /// Only topic exchanges ask for it.
    pub(super) routing_key: String,
    /// Why not, as the client would read it.
    pub(super) refusal: Option<String>,
}

const PERMISSIONS: [(&str, Permission); 3] = [
    ("configure", Permission::Configure),
    ("write", Permission::Write),
    ("read", Permission::Read),
];
const KINDS: [(&str, ResourceKind); 2] = [
    ("queue", ResourceKind::Queue),
    ("exchange", ResourceKind::Exchange),
];

impl Question {
    /// What the address asks about the user `name`.
    pub(super) fn asked(visit: &Visit, name: &str) -> Self {
        let text = |field: &str| visit.address.get(field).unwrap_or_default().to_owned();
        let (permission, wanted) = find(&PERMISSIONS, &text("may"));
        let (kind, of) = find(&KINDS, &text("kind"));
        let question = Self {
            is_asked: visit.address.get("may").is_some(),
            vhost: text("in"),
            permission,
            kind,
            resource: text("resource"),
            routing_key: text("key"),
            refusal: None,
        };
        let refusal = question.answer(visit, name, wanted, of).err();
        Self {
            refusal: refusal.filter(|_| question.is_asked),
            ..question
        }
    }

    /// # Errors
    /// Why not.
    fn answer(
        &self,
        visit: &Visit,
        name: &str,
        permission: Permission,
        kind: ResourceKind,
    ) -> Result<(), String> {
        let users = visit.console.site.broker.users();
        let Some(user) = users.user(name) else {
            return Err(format!("no user '{name}'"));
        };
        let (vhost, resource) = (&*self.vhost, &*self.resource);
        let open = users.require_vhost(&user, vhost);
        open.map_err(|refused| refused.to_string())?;
        let allowed = users.require(&user, vhost, permission, kind, resource);
        allowed.map_err(|refused| refused.to_string())?;
        if kind == ResourceKind::Queue || self.routing_key.is_empty() {
            return Ok(());
        }
        let key = &self.routing_key;
        let allowed = users.require_topic(&user, vhost, permission, resource, key);
        allowed.map_err(|refused| refused.to_string())
    }

    /// What can be asked for.
    pub(super) fn permissions(&self) -> [&'static str; 3] {
        PERMISSIONS.map(|(name, _)| name)
    }

    /// What it can be asked for.
    pub(super) fn kinds(&self) -> [&'static str; 2] {
        KINDS.map(|(name, _)| name)
    }
}

/// The one of this name, or the first.
fn find<T: Copy>(all: &[(&'static str, T)], name: &str) -> (&'static str, T) {
    let found = all.iter().find(|(known, _)| *known == name);
    *found.unwrap_or(&all[0])
}
