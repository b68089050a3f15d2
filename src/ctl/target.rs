//! Whom to ask: a broker on this machine by its local socket, or one anywhere by its address.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ferrymq_broker::config::Override;
use hyper::Uri;
use percent_encoding::percent_decode_str;

use super::error::Error;
use crate::settings::Sources;

/// Where management interfaces listen.
const DEFAULT_PORT: u16 = 15672;

/// Where the broker is, and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) place: Place,
    /// Before every path; for interfaces behind a proxy.
    pub(super) prefix: String,
    /// The header `authorization`; without it the local socket's peer counts.
    pub(super) authorization: Option<String>,
}

/// What to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Socket(PathBuf),
    Tcp { host: String, port: u16 },
}

/// Which broker is meant.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// Ask the management interface at this address instead of the local socket
    #[arg(long, value_name = "http://USER:PASSWORD@HOST:PORT", global = true)]
    uri: Option<String>,
    /// The data directory of the broker whose local socket is meant
    #[arg(long, value_name = "DIR", global = true, conflicts_with = "uri")]
    data_dir: Option<String>,
    /// The configuration file of the broker whose local socket is meant
    #[arg(long, value_name = "FILE", env = "FERRYMQ_CONFIG", global = true)]
    config: Option<PathBuf>,
}

impl Args {
    /// What the flags, the environment and the broker's configuration say.
    pub(super) fn target(&self) -> Result<Target, Error> {
        match &self.uri {
            Some(uri) => parse(uri),
            None => self.local(),
        }
    }

    fn local(&self) -> Result<Target, Error> {
        let data_dir = self.data_dir.clone().map(|value| Override {
            key: "data_dir".to_owned(),
            flag: "--data-dir",
            value,
        });
        let overrides: Vec<_> = data_dir.into_iter().collect();
        let loaded = Sources::at(self.config.clone()).load(&overrides)?;
        let socket = loaded.config.local_socket().ok_or_else(|| {
            let reason = "this broker's configuration has no local socket: give --uri";
            Error::Usage(reason.to_owned())
        })?;
        Ok(Target {
            place: Place::Socket(socket),
            prefix: String::new(),
            authorization: None,
        })
    }
}

impl Target {
    /// The same broker, asked by somebody else.
    pub(super) fn as_user(&self, user: &str, password: &str) -> Self {
        Self {
            authorization: Some(basic(user, password)),
            ..self.clone()
        }
    }

    /// For messages: never with the password.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Place::Socket(path) => path.display().to_string(),
            Place::Tcp { host, port } => format!("{host}:{port}"),
        }
    }
}

fn parse(uri: &str) -> Result<Target, Error> {
    // The address may hold a password: it is not repeated.
    let refuse = |reason: &str| Err(Error::Usage(format!("--uri: {reason}")));
    let Ok(parsed) = uri.parse::<Uri>() else {
        return refuse("not an address like http://USER:PASSWORD@HOST:PORT");
    };
    if parsed.scheme_str() != Some("http") {
        return refuse("only http:// is supported");
    }
    let Some(host) = parsed.host().filter(|host| !host.is_empty()) else {
        return refuse("there is no host");
    };
    let authority = parsed
        .authority()
        .map_or("", |authority| authority.as_str());
    let (user, password) = match authority.rsplit_once('@') {
        None => ("guest".to_owned(), "guest".to_owned()),
        Some((user, _)) => {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            (decoded(user), decoded(password))
        }
    };
    Ok(Target {
        place: Place::Tcp {
            host: host.to_owned(),
            port: parsed.port_u16().unwrap_or(DEFAULT_PORT),
        },
        prefix: parsed.path().trim_end_matches('/').to_owned(),
        authorization: Some(basic(&user, &password)),
    })
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn basic(user: &str, password: &str) -> String {
    let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uri: &str, host: &str, port: u16, prefix: &str, credentials: &str) {
        let (user, password) = credentials.split_once(':').unwrap();
        let expected = Target {
            place: Place::Tcp {
                host: host.to_owned(),
                port,
            },
            prefix: prefix.to_owned(),
            authorization: Some(basic(user, password)),
        };
        assert_eq!(parse(uri).unwrap(), expected, "{uri}");
    }

    #[test]
    fn addresses_of_brokers() {
        check("http://h", "h", 15672, "", "guest:guest");
        check("http://u:p@h:80/", "h", 80, "", "u:p");
        check("http://u@h:1", "h", 1, "", "u:");
        check("http://u%40x:p%3Ay@h/mq/", "h", 15672, "/mq", "u@x:p:y");
        check("http://[::1]:1", "[::1]", 1, "", "guest:guest");
    }

    #[test]
    fn wrong_addresses_are_refused_without_their_password() {
        for uri in [
            "",
            "h",
            "amqp://u:secret@h",
            "https://u:secret@h",
            "http://u:secret@:1",
        ] {
            let error = parse(uri).unwrap_err();
            assert_eq!(error.code(), 64, "{uri}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
