//! What every command has at hand.

use std::fmt::Display;

use serde_json::Value;

use super::client::Client;
use super::error::Error;
use super::output::Output;
use super::path::path;

/// The vhost that is meant when nothing is said.
const DEFAULT_VHOST: &str = "/";

/// A broker to ask, a place for the results, and the vhost that is meant.
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) out: Output,
    pub(super) vhost: Option<String>,
}

impl Context {
    pub(super) fn vhost(&self) -> String {
        let vhost = self.vhost.as_deref();
        vhost.unwrap_or(DEFAULT_VHOST).to_owned()
    }

    /// The broker's name.
    pub(super) fn node(&self) -> Result<String, Error> {
        let overview = self.client.get("/api/overview?columns=node")?;
        let node = overview["node"].as_str();
        node.map(str::to_owned)
            .ok_or_else(|| Error::AccessRefused("Not monitor user".to_owned()))
    }

    /// Everything that the broker tells of itself as a node.
    pub(super) fn node_details(&self) -> Result<Value, Error> {
        self.client.get(&path(&["nodes", &self.node()?]))
    }

    /// `outcome`, but what was not found is the vhost.
    pub(super) fn in_vhost<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        outcome.map_err(|error| match error {
            Error::NotFound(_) => Error::NoSuchVHost(self.vhost()),
            error => error,
        })
    }

    /// `outcome`, but when something was not found it is said what: the vhost, or `what` in it.
    pub(super) fn of<T>(&self, outcome: Result<T, Error>, what: impl Display) -> Result<T, Error> {
        let Err(Error::NotFound(_)) = &outcome else {
            return outcome;
        };
        let vhost = self.vhost();
        if self.lacks(&["vhosts", &vhost]) {
            return Err(Error::NoSuchVHost(vhost));
        }
        let text = format!("there is no {what} in virtual host '{vhost}'");
        Err(Error::NotFound(text))
    }

    /// `outcome`, but when it failed because the user `user` or the vhost is missing, that is said.
    pub(super) fn of_user<T>(&self, outcome: Result<T, Error>, user: &str) -> Result<T, Error> {
        let Err(Error::NotFound(_) | Error::Refused(_)) = &outcome else {
            return outcome;
        };
        if self.lacks(&["users", user]) {
            return Err(Error::NoSuchUser(user.to_owned()));
        }
        let vhost = self.vhost();
        if self.lacks(&["vhosts", &vhost]) {
            return Err(Error::NoSuchVHost(vhost));
        }
        outcome
    }

    fn lacks(&self, segments: &[&str]) -> bool {
        let found = self.client.get(&path(segments));
        matches!(found, Err(Error::NotFound(_)))
    }
}
