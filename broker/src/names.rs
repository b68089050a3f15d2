//! How texts name things: `queue 'q' in vhost '/'`.

use std::fmt;
use std::sync::Arc;

/// A queue or exchange, named as clients and their tests expect to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    kind: &'static str,
    name: Box<str>,
    vhost: Arc<str>,
}

impl Resource {
    /// The queue `name` in `vhost`.
    pub fn queue(name: &str, vhost: &str) -> Self {
        Self::new("queue", name, vhost)
    }

    /// The exchange `name` in `vhost`. The default exchange has its empty name here.
    pub fn exchange(name: &str, vhost: &str) -> Self {
        Self::new("exchange", name, vhost)
    }

    fn new(kind: &'static str, name: &str, vhost: &str) -> Self {
        Self {
            kind,
            name: name.into(),
            vhost: vhost.into(),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}' in vhost '{}'", self.kind, self.name, self.vhost)
    }
}
