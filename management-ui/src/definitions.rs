//! Definitions: everything but messages, as the JSON document that RabbitMQ exports and imports.
//!
//! A [`document`] is read object by object, [`check`]ed, and compared with what there is: the [`plan`].
//! Then all of it holds or nothing ([`apply`]). [`export`] writes it; both ways go by the same [`shape`].

mod apply;
mod check;
mod document;
pub(crate) mod export;
mod plan;
mod put;
pub(crate) mod shape;
mod start;

pub(crate) use apply::{ImportError, dry_run, import};
pub(crate) use document::Scope;
pub(crate) use put::put;
pub use start::{StartImportError, import_at_start};

#[cfg(test)]
mod tests;
