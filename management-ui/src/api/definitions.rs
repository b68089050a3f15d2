//! `/api/definitions`: everything but messages, out and in.

mod upload;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::answer::{self, Answer};
use crate::auth::{Administrator, Caller};
use crate::definitions::{Scope, dry_run, export, import};
use crate::http::Site;
use crate::http::path::Names;
use crate::query::Query;
use crate::refusal::Refusal;
use upload::Upload;

/// Bytes of a digest that stand in an entity tag.
const TAG_BYTES: usize = 16;

/// `GET /api/definitions`
pub(crate) async fn get(
    _: Administrator,
    State(site): State<Site>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    let broker = Arc::clone(&site.broker);
    let document = site.aside(move || text(&export::broker(&broker))).await?;
    download(document, &query, &headers)
}

/// `GET /api/definitions/{vhost}`
pub(crate) async fn get_vhost(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    let vhost = caller.vhost(&name)?;
    let broker = Arc::clone(&site.broker);
    let document = site
        .aside(move || text(&export::vhost(&broker, &vhost)))
        .await?;
    download(document, &query, &headers)
}

/// `POST /api/definitions`; with `dry_run=true` it answers what would change, and nothing does.
pub(crate) async fn post(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    query: Query,
    upload: Upload,
) -> Answer {
    take(&caller, &site, &query, Scope::Broker, upload).await
}

/// `POST /api/definitions/{vhost}`, likewise.
pub(crate) async fn post_vhost(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
    upload: Upload,
) -> Answer {
    caller.vhost(&name)?;
    take(&caller, &site, &query, Scope::VHost(name), upload).await
}

async fn take(
    caller: &Caller,
    site: &Site,
    query: &Query,
    scope: Scope,
    Upload { bytes, redirect }: Upload,
) -> Answer {
    let broker = Arc::clone(&site.broker);
    let bad = |why: &dyn std::fmt::Display| Refusal::bad_request(why.to_string());
    if query.flag("dry_run") {
        let plan = site.aside(move || dry_run(&broker, &bytes, &scope)).await?;
        return Ok(answer::json(plan.map_err(|why| bad(&why))?));
    }
    let by = caller.user.name().to_owned();
    let imported = site
        .aside(move || import(&broker, &bytes, &scope, &by))
        .await?;
    site.committed(imported.map_err(|why| bad(&why))?).await?;
    Ok(match redirect {
        Some(place) => (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response(),
        None => answer::done(),
    })
}

fn text(document: &Value) -> Vec<u8> {
    serde_json::to_vec(document).expect("JSON can be written")
}

/// A document for a client that may have it already.
fn download(document: Vec<u8>, query: &Query, headers: &HeaderMap) -> Answer {
    let tag = entity_tag(&document);
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let known = known.unwrap_or_default().split(',').map(str::trim);
    let known = known.map(|known| known.strip_prefix("W/").unwrap_or(known));
    let mut response = match { known }.any(|known| known == "*" || known == tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => {
            let json = HeaderValue::from_static("application/json");
            ([(CONTENT_TYPE, json)], document).into_response()
        }
    };
    let tag = HeaderValue::from_str(&tag).expect("it is hexadecimal");
    response.headers_mut().insert(ETAG, tag);
    if let Some(name) = query.get("download") {
        name_file(&mut response, name)?;
    }
    Ok(response)
}

/// Browsers save the answer under this name.
fn name_file(response: &mut Response, name: &str) -> Result<(), Refusal> {
    let plain = |c: char| c.is_alphanumeric() || "._-@+ ".contains(c);
    let value = format!("attachment; filename={name}");
    let value = HeaderValue::from_str(&value).ok();
    let value = value.filter(|_| name.is_ascii() && name.chars().all(plain));
    let value = value.ok_or_else(|| {
        Refusal::bad_request("download must be a file name of letters, digits and . _ - @ +")
    })?;
    response.headers_mut().insert(CONTENT_DISPOSITION, value);
    Ok(())
}

fn entity_tag(document: &[u8]) -> String {
    let digest = Sha256::digest(document);
    let bytes = digest.iter().take(TAG_BYTES);
    let hex: String = bytes.map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}
