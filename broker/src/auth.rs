//! Who may log in, and what may they touch? Values and look-ups only: no sockets, no clock.

pub mod passwords;
pub mod permissions;
pub mod sasl;
pub mod users;
mod verified;

pub use passwords::PasswordHash;
pub use permissions::{AccessRefused, Permission, PermissionSet, TopicPermissionSet};
pub use sasl::{Credentials, SaslError};
pub use users::{LoginRefused, Target, User, Users, VHostRefused};
