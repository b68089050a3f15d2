//! Who may log in, and what may they touch? Values and look-ups only: no sockets, no clock.

pub mod login;
pub mod passwords;
pub mod permissions;
pub mod sasl;
pub mod users;
mod verified;

pub use login::LoginRefused;
pub use passwords::{BadHash, Hashing, PasswordHash};
pub use permissions::{AccessRefused, Permission, PermissionSet, TopicPermissionSet};
pub use sasl::{Credentials, SaslError};
pub use users::{ResourceKind, User, Users, VHostRefused};
