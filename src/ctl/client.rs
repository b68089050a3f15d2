//! Asks the HTTP API: a connection per request, over TCP or the local socket.

mod stream;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;

use super::error::Error;
use super::target::{Place, Target};

/// Speaks to one broker, as one user.
pub(super) struct Client {
    runtime: Runtime,
    target: Target,
    /// For an answer to arrive; `None`: as long as it takes.
    timeout: Option<Duration>,
}

/// What is asked.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: Option<&'a Value>,
}

/// What the broker says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl Client {
    /// Will ask `target`.
    ///
    /// # Errors
    /// When the system gives no runtime.
    pub(super) fn new(target: Target, timeout: Option<Duration>) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build()?;
        Ok(Self {
            runtime,
            target,
            timeout,
        })
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Error> {
        self.expect(Method::GET, path, None)?.json()
    }

    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        self.expect(Method::PUT, path, Some(body))
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        self.expect(Method::POST, path, Some(body))
    }

    pub(super) fn delete(&self, path: &str) -> Result<(), Error> {
        self.expect(Method::DELETE, path, None).map(drop)
    }

    fn expect(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Error> {
        let answer = self.ask(&Ask {
            method,
            path,
            headers: &[],
            body,
        })?;
        answer.successful()
    }

    /// Sends one request, whatever the answer says.
    pub(super) fn ask(&self, ask: &Ask<'_>) -> Result<Answer, Error> {
        self.runtime.block_on(async {
            let answered = async {
                let response = self.send(ask).await?;
                let status = response.status();
                let body = response.into_body().collect().await;
                let body = body.map_err(|error| self.unreachable(&error))?.to_bytes();
                Ok(Answer { status, body })
            };
            match self.timeout {
                None => answered.await,
                Some(timeout) => tokio::time::timeout(timeout, answered)
                    .await
                    .unwrap_or(Err(Error::TimedOut(timeout))),
            }
        })
    }

    async fn send(&self, ask: &Ask<'_>) -> Result<Response<Incoming>, Error> {
        match &self.target.place {
            Place::Socket(path) => {
                let stream = UnixStream::connect(path).await;
                self.send_over(stream.map_err(|error| self.unreachable(&error))?, ask)
                    .await
            }
            Place::Tcp { host, port } => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let stream = TcpStream::connect((host, *port)).await;
                self.send_over(stream.map_err(|error| self.unreachable(&error))?, ask)
                    .await
            }
        }
    }

    async fn send_over<S>(&self, stream: S, ask: &Ask<'_>) -> Result<Response<Incoming>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let unreachable = |error: hyper::Error| self.unreachable(&error);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(unreachable)?;
        tokio::spawn(connection);
        let request = self.request(ask)?;
        sender.send_request(request).await.map_err(unreachable)
    }

    fn request(&self, ask: &Ask<'_>) -> Result<Request<Full<Bytes>>, Error> {
        let host = match &self.target.place {
            Place::Socket(_) => "localhost".to_owned(),
            Place::Tcp { host, port } => format!("{host}:{port}"),
        };
        let mut request = Request::builder()
            .method(&ask.method)
            .uri(format!("{}{}", self.target.prefix, ask.path))
            .header(HOST, host);
        if let Some(authorization) = &self.target.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        let body = match ask.body {
            None => Bytes::new(),
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                body.to_string().into()
            }
        };
        let request = request.body(Full::new(body));
        request.map_err(|error| Error::Usage(format!("can't be asked over HTTP: {error}")))
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> Error {
        let mut reason = format!("{}: {error}", self.target.name());
        let mut source = error.source();
        while let Some(error) = source {
            reason.push_str(&format!(": {error}"));
            source = error.source();
        }
        Error::Unreachable {
            node: self.target.name(),
            reason,
        }
    }
}

impl Answer {
    /// The body, which is JSON; nothing is null.
    pub(super) fn json(&self) -> Result<Value, Error> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|error| Error::Answer(error.to_string()))
    }

    /// Itself, unless the status says that the request failed.
    pub(super) fn successful(self) -> Result<Self, Error> {
        if self.status.is_success() {
            return Ok(self);
        }
        let reason = self.reason();
        Err(match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::AccessRefused(reason),
            StatusCode::NOT_FOUND => Error::NotFound(reason),
            StatusCode::SERVICE_UNAVAILABLE => Error::CheckFailed(reason),
            status if status.is_client_error() => Error::Refused(reason),
            status => Error::Broker {
                status: status.as_u16(),
                reason,
            },
        })
    }

    /// What the broker gives as the reason of a failure.
    fn reason(&self) -> String {
        let body = self.json().unwrap_or(Value::Null);
        match &body["reason"] {
            Value::String(reason) => reason.clone(),
            Value::Null => match body["error"].as_str() {
                Some(error) => error.to_owned(),
                None => self.status.to_string(),
            },
            reason => reason.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_why() {
        let check = |status: u16, body: &'static str, code: u8, text: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            let body = Bytes::from_static(body.as_bytes());
            let error = Answer { status, body }.successful().unwrap_err();
            assert_eq!((error.code(), &*error.to_string()), (code, text));
        };
        let body = r#"{"error":"bad_request","reason":"no"}"#;
        check(400, body, 65, "no");
        check(401, "", 69, "access refused: 401 Unauthorized");
        check(
            404,
            r#"{"error":"Object Not Found"}"#,
            65,
            "Object Not Found",
        );
        check(
            500,
            r#"{"reason":["a",1]}"#,
            70,
            r#"the broker answered 500: ["a",1]"#,
        );
        check(503, body, 69, "no");
    }
}
