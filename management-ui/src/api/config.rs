//! `/api/config/…`: the settings that count, and changes to those that may change while the broker runs.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use ferrymq_broker::config::{Config, Key, keys};
use serde_json::json;

use crate::answer::{self, Answer};
use crate::auth::Administrator;
use crate::body::Object;
use crate::http::Site;
use crate::http::path::Names;
use crate::query::Query;
use crate::refusal::Refusal;

/// `GET /api/config`: all settings, with what each is for, where it comes from, and whether it can change now;
/// secrets are stars.
pub(crate) async fn list(_: Administrator, State(site): State<Site>, query: Query) -> Answer {
    let (config, default) = (site.broker.config(), Config::default());
    let row = |key: &Key| {
        json!({
            "name": key.name,
            "value": key.shown(&config),
            "default": key.shown(&default),
            "origin": site.broker.origin(key.name),
            "live": key.live,
            "about": key.about,
            "allowed": key.allowed,
            "variable": key.variable(),
        })
    };
    let rows: Vec<_> = keys().iter().map(row).collect();
    query.list(&site, rows).await
}

/// `GET /api/config/effective`: a line per setting, as in a TOML file with dotted keys; secrets are stars.
pub(crate) async fn effective(_: Administrator, State(site): State<Site>) -> Response {
    let config = site.broker.config();
    let mut text = String::new();
    for key in keys() {
        let written = writeln!(text, "{} = {}", key.name, key.shown(&config));
        debug_assert!(written.is_ok(), "writing to a string can't fail");
    }
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// `PUT /api/config/{name}`: `{"value": …}` counts from now on, until the broker's next start or until it
/// reads its configuration again.
pub(crate) async fn put(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
    body: Object,
) -> Answer {
    body.require(&["value"])?;
    let value = match &body.0["value"] {
        serde_json::Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let changed = site.broker.change_setting(&name, &value);
    changed.map_err(|error| match error {
        ferrymq_broker::config::ChangeError::Unknown { .. } => Refusal::missing(error.to_string()),
        error => Refusal::bad_request(error.to_string()),
    })?;
    Ok(answer::done())
}

#[cfg(test)]
mod tests {
    use crate::http::fixture::Fixture;

    #[tokio::test]
    async fn settings_are_shown_without_secrets() {
        let fixture = Fixture::start().await;
        let all = fixture.check("GET", "/api/config/effective", "", 200).await;
        assert!(all.text.contains("\nlog.level = \"info\"\n"), "{all:?}");
        assert!(all.text.contains("\nauth.default_pass = ***\n"));
        assert!(!all.text.contains("= \"guest\"\nauth.default_vhost"));
    }

    #[tokio::test]
    async fn settings_tell_where_they_come_from() {
        let fixture = Fixture::start().await;
        let find = async |name: &str| {
            let path = format!("/api/config?page=1&filter=name:={name}");
            let found = fixture.check("GET", &path, "", 200).await;
            found.json["items"][0].clone()
        };
        let level = find("log.level").await;
        assert_eq!(level["value"], "\"info\"");
        assert_eq!(
            (&level["live"], &level["origin"]),
            (&true.into(), &().into())
        );
        assert_eq!(find("auth.default_pass").await["value"], "***");
        let debug = r#"{"value": "debug"}"#;
        fixture
            .check("PUT", "/api/config/log.level", debug, 204)
            .await;
        let origin = find("log.level").await["origin"].clone();
        assert_eq!(origin, "changed over HTTP, until the next start");
    }

    #[tokio::test]
    async fn live_settings_change_at_once() {
        let fixture = Fixture::start().await;
        let put = async |name: &str, body: &str, status| {
            let path = format!("/api/config/{name}");
            fixture.check("PUT", &path, body, status).await
        };
        put("log.level", r#"{"value": "debug"}"#, 204).await;
        put("disk.free_limit", r#"{"value": 1000}"#, 204).await;
        let all = fixture.check("GET", "/api/config/effective", "", 200).await;
        assert!(all.text.contains("\nlog.level = \"debug\"\n"), "{all:?}");
        put("log.level", r#"{"value": "loud"}"#, 400).await;
        put("log.level", "{}", 400).await;
        put("log.levle", r#"{"value": "debug"}"#, 404).await;
        let restart = put("amqp.listen", r#"{"value": "[::]:1"}"#, 400).await;
        assert_eq!(
            restart.json["reason"],
            "setting `amqp.listen` needs a restart"
        );
    }
}
