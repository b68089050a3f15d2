//! Users: who may log in.

use std::io;

use clap::Subcommand;
use ferrymq_broker::auth::PasswordHash;
use ferrymq_broker::auth::passwords::Digest;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::{Ask, Client};
use super::context::Context;
use super::error::Error;
use super::listing::{Columns, from, same};
use super::path::path;

const USERS: Columns = Columns {
    all: &[from("user", "name"), same("tags")],
    default: 2,
};

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// List users and their tags
    ListUsers,
    /// Create a user; without a password it is read from the standard input
    AddUser {
        user: String,
        password: Option<String>,
        /// The password is a hash, as hash_password and definitions have it
        #[arg(long = "pre-hashed-password")]
        pre_hashed_password: bool,
    },
    /// Delete a user, and close its connections
    DeleteUser { user: String },
    /// Give a user another password; without one it is read from the standard input
    ChangePassword {
        user: String,
        password: Option<String>,
    },
    /// Take a user's password away, so that it can't log in with one
    ClearPassword { user: String },
    /// Try whether a user may log in with a password
    AuthenticateUser {
        user: String,
        password: Option<String>,
    },
    /// Give a user these tags instead of those it has
    SetUserTags { user: String, tags: Vec<String> },
    /// Print the hash of a password, for definitions and add_user --pre-hashed-password
    HashPassword { password: Option<String> },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::ListUsers => {
                context.out.banner("Listing users ...")?;
                USERS.print(context, path(&["users"]), &[])
            }
            Self::AddUser {
                user,
                password,
                pre_hashed_password,
            } => add(context, &user, password, pre_hashed_password),
            Self::DeleteUser { user } => {
                context
                    .out
                    .banner(format_args!("Deleting user \"{user}\" ..."))?;
                let deleted = context.client.delete(&path(&["users", &user]));
                known(deleted, &user)
            }
            Self::ChangePassword { user, password } => {
                let password = given(password)?;
                let banner = format_args!("Changing password for user \"{user}\" ...");
                context.out.banner(banner)?;
                change(&context.client, &user, |body| {
                    body["password"] = password.into();
                })
            }
            Self::ClearPassword { user } => {
                let banner = format_args!("Clearing password for user \"{user}\" ...");
                context.out.banner(banner)?;
                change(&context.client, &user, |body| {
                    body["password_hash"] = "".into();
                })
            }
            Self::AuthenticateUser { user, password } => {
                authenticate(context, &user, &given(password)?)
            }
            Self::SetUserTags { user, tags } => {
                let list = tags.join(", ");
                let banner = format_args!("Setting tags for user \"{user}\" to [{list}] ...");
                context.out.banner(banner)?;
                set_tags(&context.client, &user, &tags)
            }
            Self::HashPassword { password } => {
                let banner = "Will hash password using rabbit_password_hashing_sha256";
                let PasswordHash::Salted(digest, hash) =
                    PasswordHash::sha256(given(password)?.as_bytes())
                else {
                    return Err(Error::Answer("no salted hash".to_owned()));
                };
                debug_assert_eq!(digest, Digest::Sha256);
                context.out.banner(banner)?;
                let hash = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, hash);
                Ok(context.out.message(hash)?)
            }
        }
    }
}

fn add(
    context: &mut Context,
    user: &str,
    password: Option<String>,
    is_hash: bool,
) -> Result<(), Error> {
    let password = given(password)?;
    context
        .out
        .banner(format_args!("Adding user \"{user}\" ..."))?;
    let path = path(&["users", user]);
    if context.client.get(&path).is_ok() {
        let text = format!("User \"{user}\" already exists");
        return Err(Error::Refused(text));
    }
    let field = if is_hash { "password_hash" } else { "password" };
    let body = json!({ field: password, "tags": "" });
    context.client.put(&path, &body)?;
    Ok(context.out.message(
        "Done. Don't forget to grant the user permissions to some virtual hosts! See \
         'ferrymq ctl help set_permissions' to learn more.",
    )?)
}

/// Replaces a user whose tags stay, with what `set` puts into the body.
fn change(client: &Client, user: &str, set: impl FnOnce(&mut Value)) -> Result<(), Error> {
    let path = path(&["users", user]);
    let before = known(client.get(&path), user)?;
    let mut body = json!({ "tags": before["tags"] });
    set(&mut body);
    client.put(&path, &body).map(drop)
}

fn set_tags(client: &Client, user: &str, tags: &[String]) -> Result<(), Error> {
    let path = path(&["users", user]);
    let mut body = known(client.get(&path), user)?;
    body["tags"] = tags.into();
    client.put(&path, &body).map(drop)
}

/// Compat: a user without a management tag is known all the same.
fn authenticate(context: &mut Context, user: &str, password: &str) -> Result<(), Error> {
    let banner = format_args!("Authenticating user \"{user}\" ...");
    context.out.banner(banner)?;
    let target = context.client.target().as_user(user, password);
    let answer = Client::new(target, context.client.timeout())?.ask(&Ask {
        method: Method::GET,
        path: "/api/whoami",
        headers: &[],
        body: None,
    })?;
    let is_known = match answer.status {
        StatusCode::UNAUTHORIZED => answer.json()?["reason"] == "Not management user",
        _ => answer.successful().is_ok(),
    };
    match is_known {
        true => Ok(context.out.message("Success")?),
        false => {
            let text = format!("failed to authenticate user \"{user}\"\nnot authorised");
            Err(Error::Refused(text))
        }
    }
}

/// `outcome`, but what was not found is the user.
pub(super) fn known<T>(outcome: Result<T, Error>, user: &str) -> Result<T, Error> {
    outcome.map_err(|error| match error {
        Error::NotFound(_) => Error::NoSuchUser(user.to_owned()),
        error => error,
    })
}

/// The password, or the first line of the standard input: no other user can see that.
fn given(password: Option<String>) -> Result<String, Error> {
    if let Some(password) = password {
        return Ok(password);
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let line = line.trim_end_matches(['\r', '\n']);
    match line.is_empty() {
        true => Err(Error::Usage("a password is needed".to_owned())),
        false => Ok(line.to_owned()),
    }
}
