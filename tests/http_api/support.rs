//! A small HTTP client, as the default user.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long something may take to become so.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// The default user's credentials.
const GUEST: &str = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n";

/// The status and the body of an answer; null when there is none.
pub(crate) fn call(http: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    call_with(http, "", method, path, body)
}

/// The same with more headers, each with the end of its line.
pub(crate) fn call_with(
    http: SocketAddr,
    headers: &str,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, Value) {
    call_as(http, &format!("{GUEST}{headers}"), method, path, body)
}

/// The same with these headers only: whoever they say asks.
pub(crate) fn call_as(
    http: SocketAddr,
    headers: &str,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, Value) {
    let mut stream = TcpStream::connect(http).expect("a listener");
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: x\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = serde_json::from_str(body).unwrap_or_default();
    (status.expect("a status"), body)
}

/// The body of an answer with this status.
#[track_caller]
pub(crate) fn expect(http: SocketAddr, method: &str, path: &str, body: &str, status: u16) -> Value {
    let (found, answer) = call(http, method, path, body);
    assert_eq!(found, status, "{method} {path} {body}: {answer}");
    answer
}

/// Asks for `path` until the answer is as it should be.
#[track_caller]
pub(crate) fn wait_for(http: SocketAddr, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    #[expect(clippy::disallowed_methods, reason = "a deadline of the test's own")]
    let begun = Instant::now();
    loop {
        let answer = expect(http, "GET", path, "", 200);
        if wanted(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{path}: {answer}");
        thread::sleep(PAUSE);
    }
}

/// A name as it stands in a path.
pub(crate) fn encode(name: &str) -> String {
    let encode = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}
