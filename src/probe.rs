//! `ferrymq ping` and `ferrymq healthcheck`: is the broker of this machine alive, can it be used?
//!
//! Both ask the management listener that the same configuration names, without a password. When there is
//! none, the AMQP listener has to answer with its protocol.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Duration;

use ferrymq_broker::config::Config;

use crate::settings::Sources;

/// What ends a question that nobody answers.
const TIMEOUT_SECONDS: u64 = 5;
/// What a client that speaks another version of AMQP says; the answer is the version that is spoken.
const OTHER_AMQP: &[u8; 8] = b"AMQP\x00\x00\x00\x00";
const OUR_AMQP: &[u8; 8] = b"AMQP\x00\x00\x09\x01";
/// Bytes of an answer that are looked at.
const MAX_ANSWER_BYTES: u64 = 4096;

/// How to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    sources: Sources,
    /// Seconds to wait for an answer
    #[arg(long, short, default_value_t = TIMEOUT_SECONDS)]
    timeout: u64,
    /// Say nothing
    #[arg(long, short)]
    quiet: bool,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Question {
    /// Does the process answer?
    Alive,
    /// Would it serve clients now?
    Ready,
}

/// Asks: 0 for yes, 1 for no, with the reason on standard error.
pub(crate) fn run(args: &Args, question: Question) -> ExitCode {
    let outcome = match args.sources.load(&[]) {
        Ok(loaded) => ask(
            &loaded.config,
            question,
            Duration::from_secs(args.timeout.max(1)),
        ),
        Err(problems) => Err(problems.to_string()),
    };
    match outcome {
        Ok(answer) => {
            if !args.quiet {
                println!("{answer}");
            }
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn ask(config: &Config, question: Question, timeout: Duration) -> Result<String, String> {
    let failed = |address: &str, error: io::Error| format!("no answer from {address}: {error}");
    let Some(http) = config.http_listen.as_deref() else {
        let address = config.amqp_listen.first().map_or("", String::as_str);
        return amqp(address, timeout).map_err(|error| failed(address, error));
    };
    let path = match question {
        Question::Alive => "/healthz",
        Question::Ready => "/readyz",
    };
    let path = &format!("{}{path}", config.http.path_prefix);
    let (status, body) = get(http, path, timeout).map_err(|error| failed(http, error))?;
    match status {
        200 => Ok(body),
        _ => Err(format!("{path} on {http} answers {status}: {body}")),
    }
}

/// `GET path`: the status, and the body as far as it is looked at.
fn get(address: &str, path: &str, timeout: Duration) -> io::Result<(u16, String)> {
    let mut stream = connect(address, timeout)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("that is not HTTP"))?;
    Ok((status, body.trim().to_owned()))
}

fn amqp(address: &str, timeout: Duration) -> io::Result<String> {
    let mut stream = connect(address, timeout)?;
    stream.write_all(OTHER_AMQP)?;
    let mut answer = [0; OUR_AMQP.len()];
    stream.read_exact(&mut answer)?;
    match answer == *OUR_AMQP {
        true => Ok("AMQP 0-9-1 is spoken".to_owned()),
        false => Err(io::Error::other("that is not AMQP 0-9-1")),
    }
}

fn connect(address: &str, timeout: Duration) -> io::Result<TcpStream> {
    let mut outcome = Err(io::Error::other("it is no address"));
    for address in address.to_socket_addrs()?.flat_map(reachable) {
        outcome = TcpStream::connect_timeout(&address, timeout);
        if outcome.is_ok() {
            break;
        }
    }
    let stream = outcome?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    Ok(stream)
}

/// Where a listener on `address` can be reached from here; one on all addresses on either loopback one.
fn reachable(address: SocketAddr) -> Vec<SocketAddr> {
    let loopback = |host: &str| format!("{host}:{}", address.port()).parse();
    match address.ip().is_unspecified() {
        false => vec![address],
        true => ["127.0.0.1", "[::1]"]
            .iter()
            .filter_map(|host| loopback(host).ok())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_include_this_machine() {
        let check = |address: &str, expected: &[&str]| {
            let found = reachable(address.parse().unwrap());
            let found: Vec<_> = found.iter().map(SocketAddr::to_string).collect();
            assert_eq!(found, expected, "{address}");
        };
        check("[::]:1", &["127.0.0.1:1", "[::1]:1"]);
        check("0.0.0.0:1", &["127.0.0.1:1", "[::1]:1"]);
        check("10.0.0.1:1", &["10.0.0.1:1"]);
    }
}
