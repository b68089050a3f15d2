//! Does somebody listen there, and with which certificates?

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::{failed, ok, ok_with};
use crate::answer::Answer;
use crate::auth::Caller;
use crate::http::Site;
use crate::http::path::Names;
use crate::refusal::Refusal;

const NONE_ACTIVE: &str = "No active listener";
/// In which certificates may be asked to be good for, each so long.
const UNITS: [&str; 4] = ["days", "weeks", "months", "years"];

/// `GET /api/health/checks/port-listener/{port}`
pub(crate) async fn port(
    _: Caller,
    State(site): State<Site>,
    Names(port): Names<String>,
) -> Answer {
    let port = port.parse::<u16>().map_err(|_| {
        Refusal::bad_request(format!(
            "port must be a number from 0 to 65535, not '{port}'"
        ))
    })?;
    let listeners = site.listeners();
    let ports = listeners.iter().map(|listener| listener.address.port());
    let ports: Vec<_> = ports.collect();
    Ok(match ports.contains(&port) {
        true => ok_with(json!({ "port": port })),
        false => failed(NONE_ACTIVE, json!({ "missing": port, "ports": ports })),
    })
}

/// `GET /api/health/checks/protocol-listener/{name}`, or several names with commas between: all of them are wanted.
pub(crate) async fn protocol(
    _: Caller,
    State(site): State<Site>,
    Names(names): Names<String>,
) -> Response {
    let listeners = site.listeners();
    let active: Vec<_> = listeners.iter().map(|listener| listener.protocol).collect();
    let wanted: Vec<_> = names.split(',').map(normalised).collect();
    let missing = wanted
        .iter()
        .filter(|name| !active.contains(&name.as_str()));
    let missing: Vec<_> = missing.cloned().collect();
    let mut more = json!({ "protocols": active });
    if missing.is_empty() {
        more["protocols"] = wanted.clone().into();
        // Compat: what clients of RabbitMQ before 4.1 read.
        if let [only] = &wanted[..] {
            more["protocol"] = Value::from(only.as_str());
        }
        return ok_with(more);
    }
    more["missing"] = missing.into();
    failed(NONE_ACTIVE, more)
}

/// Compat: the name of a listener that somebody means by one of its other names.
fn normalised(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    let known = match name.as_str() {
        "amqp091" | "amqp0-9-1" | "amqp0.9.1" | "amqp0-9" | "amqp0.9" | "amqp10" | "amqp1.0"
        | "amqp1-0" | "amqp1" => "amqp",
        "amqps" | "amqp+ssl" | "amqp+tls" => "amqp/ssl",
        "management" | "ui" | "cli" | "http_api" | "api" => "http",
        "https_api" => "https",
        "prometheus" => "http/prometheus",
        "mqtts" => "mqtt/ssl",
        "stomps" => "stomp/ssl",
        "streams" => "stream",
        "webmqtt" | "web-mqtt" | "web_mqtt" => "http/web-mqtt",
        "webstomp" | "web-stomp" | "web_stomp" => "http/web-stomp",
        other => other,
    };
    known.to_owned()
}

/// `GET /api/health/checks/certificate-expiration/{within}/{unit}`: no listener has a certificate.
pub(crate) async fn certificates(
    _: Caller,
    Names((within, unit)): Names<(String, String)>,
) -> Answer {
    if within.parse::<u32>().is_err() {
        return Err(Refusal::bad_request(format!(
            "the time must be a number of {unit}, not '{within}'"
        )));
    }
    match UNITS.contains(&unit.as_str()) {
        true => Ok(ok()),
        false => Err(Refusal::bad_request(format!(
            "the unit must be one of {}, not '{unit}'",
            UNITS.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_have_several_names() {
        for (name, expected) in [
            ("AMQP091", "amqp"),
            ("amqp0-9-1", "amqp"),
            ("amqps", "amqp/ssl"),
            (" management", "http"),
            ("https", "https"),
            ("mqtts", "mqtt/ssl"),
            ("ferry", "ferry"),
        ] {
            assert_eq!(normalised(name), expected);
        }
    }
}
