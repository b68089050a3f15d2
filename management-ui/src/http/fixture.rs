//! A broker on an empty directory with its management listener, for tests of routes over real sockets.

mod client;
mod reader;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ferrymq_broker::stats::ticker;
use ferrymq_broker::{Broker, Config, clock};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Site, management_routes};
use crate::Listener;

pub(crate) use client::Client;
pub(crate) use reader::Reader;

/// Longer than any answer takes, shorter than anybody waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Fixture {
    pub(crate) broker: Arc<Broker>,
    pub(crate) address: SocketAddr,
    pub(crate) site: Site,
    _directory: tempfile::TempDir,
}

impl Fixture {
    /// With the default settings.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With settings that `change` has changed.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config {
            data_dir: directory.path().join("data"),
            node_name: "ferrymq@<b>".to_owned(),
            ..Config::default()
        };
        change(&mut config);
        let broker = Broker::open(config).unwrap();
        let amqp = SocketAddr::from(([127, 0, 0, 1], 5672));
        let site = Site::new(Arc::clone(&broker), amqp);
        let routes = management_routes(site.clone());
        let listener = Listener::bind(Arc::clone(&broker), "127.0.0.1:0", routes);
        let listener = listener.await.unwrap();
        let address = listener.local_addr().unwrap();
        site.add_listener("http", address, false);
        tokio::spawn(listener.run());
        Self {
            broker,
            address,
            site,
            _directory: directory,
        }
    }

    /// Ticks `times` times, an interval apart, the first one now.
    pub(crate) async fn tick(&self, times: u32) {
        let interval = self.broker.config().statistics_interval;
        for number in 0..times {
            ticker::tick(&self.broker, clock::now().after(interval * number)).await;
        }
    }

    /// Sends bytes; gives everything that comes until the server closes.
    pub(crate) async fn send(&self, bytes: &[u8]) -> String {
        String::from_utf8(self.send_for_bytes(bytes).await).unwrap()
    }

    /// The same, whatever comes.
    pub(crate) async fn send_for_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(PATIENCE, read).await.unwrap();
        answer
    }

    /// `GET` with `user:password`; gives the whole answer.
    pub(crate) async fn get(&self, path: &str, credentials: Option<&str>) -> String {
        let authorization = credentials.map_or_else(String::new, |credentials| {
            let encoded = BASE64_STANDARD.encode(credentials);
            format!("Authorization: Basic {encoded}\r\n")
        });
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: x\r\n{authorization}Connection: close\r\n\r\n");
        self.send(request.as_bytes()).await
    }

    /// A request of the default user, who may do everything.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        self.call_as("guest:guest", method, path, body).await
    }

    /// A request of the user `user:password`.
    pub(crate) async fn call_as(
        &self,
        credentials: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> Reply {
        let encoded = BASE64_STANDARD.encode(credentials);
        let headers = format!("Authorization: Basic {encoded}\r\n");
        self.call_with(&headers, method, path, body).await
    }

    /// A request with these headers, each with the end of its line.
    pub(crate) async fn call_with(
        &self,
        headers: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> Reply {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        );
        Reply::parse(&self.send(request.as_bytes()).await)
    }

    /// The same, which must have this status.
    pub(crate) async fn check(&self, method: &str, path: &str, body: &str, status: u16) -> Reply {
        let reply = self.call(method, path, body).await;
        assert_eq!(reply.status, status, "{method} {path} {body}: {reply:?}");
        reply
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Status line and headers, as they came.
    pub(crate) head: String,
    /// The body as JSON; null when it is empty or something else.
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Reply {
    fn parse(answer: &str) -> Self {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
        let text = match head.contains("transfer-encoding: chunked") {
            true => unchunked(body),
            false => body.to_owned(),
        };
        Self {
            status: status(answer).parse().unwrap_or_default(),
            head: head.to_owned(),
            json: serde_json::from_str(&text).unwrap_or_default(),
            text,
        }
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut lines = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        lines.next().map(|(_, value)| value)
    }
}

/// A body that came piece by piece.
fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap_or_default();
        whole += &rest[..length];
        body = rest[length..].trim_start_matches("\r\n");
    }
    whole
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

/// The body of an answer.
pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
