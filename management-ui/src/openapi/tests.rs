//! The description is held to the routes, and the page in `docs/` to the description.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;
use crate::http::fixture::Fixture;
use crate::http::routes;

/// Writes the page anew.
const WRITE: &str = "FERRYMQ_WRITE_DOCS";

/// Every name a path could have, so that its route is found.
fn filled(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| match segment.strip_prefix('{') {
            Some(_) => "1",
            None => segment,
        });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_route_is_described() {
    let fixture = Fixture::start().await;
    let routes = routes::api();
    for path in routes.paths() {
        let reply = fixture.call_with("", "OPTIONS", &filled(path), "").await;
        let allowed = reply.header("allow").unwrap_or_default().to_lowercase();
        let allowed = allowed.split(',').map(str::trim);
        let allowed = allowed.filter(|method| !matches!(*method, "options" | "head"));
        let mut allowed: Vec<_> = allowed.collect();
        allowed.sort_unstable();
        let described = methods_of(path);
        let hint = "a row in openapi/endpoints/ for each method";
        assert_eq!(described, allowed, "{path}: {hint}");
    }
    let paths: BTreeSet<_> = routes.paths().iter().copied().collect();
    let described: BTreeSet<_> = endpoints::all().map(|endpoint| endpoint.path).collect();
    let without: Vec<_> = described.difference(&paths).collect();
    assert!(without.is_empty(), "described, but no routes: {without:?}");
}

#[test]
fn the_description_is_complete() {
    let document = build("/");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    let used = text.split("#/components/schemas/").skip(1);
    let used: BTreeSet<_> = used.filter_map(|rest| rest.split('"').next()).collect();
    let known: BTreeSet<_> = schemas.keys().map(String::as_str).collect();
    assert_eq!(
        used, known,
        "schemas that are used, and those that there are"
    );
    let mut ids: BTreeMap<String, &str> = BTreeMap::new();
    for endpoint in endpoints::all() {
        assert!(endpoint.about.len() > 5, "{}", endpoint.path);
        let before = ids.insert(endpoint.id(), endpoint.path);
        assert_eq!(before, None, "{} twice", endpoint.id());
    }
}

#[tokio::test]
async fn it_is_served() {
    let fixture = Fixture::start().await;
    let document = fixture
        .check("GET", "/api/openapi.json", "", 200)
        .await
        .json;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], "/");
    let browse = &document["paths"]["/api/queues/{vhost}/{name}/browse"]["get"];
    assert_eq!(browse["parameters"][0]["name"], "vhost");
}

#[test]
fn the_page_is_documented() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/http-api.md");
    let page = markdown::page();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let hint = "write docs/http-api.md anew: FERRYMQ_WRITE_DOCS=1 cargo test -p ferrymq-management-ui documented";
    assert!(
        std::fs::read_to_string(&file).unwrap_or_default() == page,
        "{hint}"
    );
}
