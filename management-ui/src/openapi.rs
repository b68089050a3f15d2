//! What the API looks like, as an OpenAPI 3.1 document at `/api/openapi.json`: made from one table of endpoints,
//! which tests hold to the routes, and from which `docs/http-api.md` is made.

mod endpoint;
mod endpoints;
#[cfg(test)]
mod markdown;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::answer;
use crate::auth::Caller;
use crate::http::Site;
use endpoint::{Endpoint, Kind, Method, Parameter, Reply, Tag};

/// Objects that requests and answers hold.
const SCHEMAS: &str = include_str!("openapi/schemas.json");

/// `GET /api/openapi.json`
pub(crate) async fn document(_: Caller, State(site): State<Site>) -> Response {
    let prefix = &site.broker.config().http.path_prefix;
    answer::json(build(match prefix.as_str() {
        "" => "/",
        prefix => prefix,
    }))
}

fn build(server: &str) -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints::all() {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.as_str()] = operation(endpoint);
    }
    let schemas: Value = serde_json::from_str(SCHEMAS).expect("a test reads it");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "FerryMQ",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The management interface: RabbitMQ's, and what only FerryMQ can do.",
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": server }],
        "security": [{ "basic": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "basic": { "type": "http", "scheme": "basic" } },
            "schemas": schemas,
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let in_path = endpoint.names().map(|name| {
        json!({
            "name": name,
            "in": "path",
            "required": true,
            "schema": path_schema(name),
        })
    });
    let parameters: Vec<Value> = in_path.chain(endpoint.parameters().map(in_query)).collect();
    let mut operation = json!({
        "operationId": endpoint.id(),
        "summary": endpoint.about,
        "tags": [endpoint.group()],
        "parameters": parameters,
        "responses": responses(endpoint),
    });
    if let Some(schema) = endpoint.body {
        operation["requestBody"] = json!({
            "required": endpoint.body_required,
            "content": { "application/json": { "schema": reference(schema) } },
        });
    }
    match endpoint.tag {
        Tag::Open => operation["security"] = json!([]),
        Tag::Any => {}
        tag => operation["x-user-tag"] = tag.as_str().into(),
    }
    operation
}

/// What is known of a name in a path.
fn path_schema(name: &str) -> Value {
    match name {
        "vhost" => json!({ "type": "string", "minLength": 1, "example": "/" }),
        "sequence" | "id" => json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX }),
        "channel" | "port" => json!({ "type": "integer", "minimum": 0, "maximum": u16::MAX }),
        _ => json!({ "type": "string", "minLength": 1, "maxLength": 255 }),
    }
}

fn in_query(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Number(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::OneOf(values) => json!({ "type": "string", "enum": values }),
    };
    json!({
        "name": parameter.name,
        "in": "query",
        "description": parameter.about,
        "schema": schema,
    })
}

fn responses(endpoint: &Endpoint) -> Value {
    let mut responses = Map::new();
    for status in endpoint.statuses {
        let mut response = json!({ "description": phrase(*status) });
        if let (200 | 201, Some((kind, schema))) = (*status, content(endpoint.reply)) {
            response["content"] = json!({ kind: { "schema": schema } });
        }
        responses.insert(status.to_string(), response);
    }
    for status in endpoint.refusals() {
        let mut response = json!({ "description": phrase(status) });
        // Without credentials a refusal says nothing.
        if status != 401 {
            response["content"] = json!({ "application/json": { "schema": reference("Refusal") } });
        }
        responses.entry(status.to_string()).or_insert(response);
    }
    responses.into()
}

fn content(reply: Reply) -> Option<(&'static str, Value)> {
    let array = |schema| json!({ "type": "array", "items": reference(schema) });
    Some(match reply {
        Reply::Nothing => return None,
        Reply::One(schema) => ("application/json", reference(schema)),
        Reply::List(schema) => ("application/json", array(schema)),
        Reply::Paged(schema) => {
            let page = json!({
                "allOf": [reference("Page"), {
                    "type": "object",
                    "properties": { "items": array(schema) },
                }],
            });
            (
                "application/json",
                json!({ "oneOf": [array(schema), page] }),
            )
        }
        Reply::Text => ("text/plain", json!({ "type": "string" })),
        Reply::Bytes => (
            "application/octet-stream",
            json!({ "type": "string", "format": "binary" }),
        ),
        Reply::Events => ("text/event-stream", json!({ "type": "string" })),
    })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "What was asked for",
        201 => "Created",
        204 => "Done",
        303 => "Done; there is a page to go to",
        304 => "Nothing has changed",
        400 => "The request can't be right; the reason says why",
        401 => "No or wrong credentials, a missing tag or permission",
        404 => "There is no such object, or the caller must not know of it",
        412 => "Protected",
        415 => "The body must be JSON",
        503 => "Not now: the check fails, the store failed, or there is no room",
        _ => "As HTTP says",
    }
}

/// The methods that a route answers to, in lower case.
#[cfg(test)]
fn methods_of(path: &str) -> Vec<&'static str> {
    let theirs = endpoints::all().filter(|endpoint| endpoint.path == path);
    let mut methods: Vec<_> = theirs.map(|endpoint| endpoint.method.as_str()).collect();
    methods.sort_unstable();
    methods
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }
}

#[cfg(test)]
mod tests;
