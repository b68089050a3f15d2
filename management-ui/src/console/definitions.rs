//! `definitions`: everything but messages, as a file; and a file read in, after it was shown what that would change.
//!
//! The first form sends a document and shows what the API's dry run says of it. The second sends the same document once more
//! and the digest of what was shown: when something else would happen by then, that is shown, and nothing is done.

mod diff;
mod upload;

use askama::Template;
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::Value;

use super::Console;
use super::client::{Call, Problem};
use super::copy_as::CopyAs;
use super::login::see_other;
use super::page::{self, Page};
use super::shell::Shell;
use super::visit::Visit;
use diff::Diff;
use upload::Upload;

/// What may stand in the name of a file.
const PLAIN: &str = "._-@+";

/// The page.
#[derive(Template)]
#[template(path = "definitions.html")]
struct Definitions {
    shell: Shell,
    copy_as: CopyAs,
    /// Only administrators take everything out, and put something in.
    may_export: bool,
    may_import: bool,
    import: Import,
}

/// The form with a document.
#[derive(Default)]
struct Import {
    /// Only what is in this vhost; empty: everything.
    vhost: String,
    text: String,
    /// Why the document was not taken.
    problem: Option<String>,
    /// What it would change.
    diff: Option<Diff>,
}

impl Page for Definitions {
    const NAME: &'static str = "definitions";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        Ok(Self::new(visit, Import::default()))
    }
}

impl Definitions {
    fn new(visit: &Visit, import: Import) -> Self {
        Self {
            shell: Shell::new(visit, "Definitions"),
            copy_as: CopyAs::new(
                visit,
                &document(visit),
                visit.vhost(),
                &["export_definitions"],
            ),
            may_export: visit.is_administrator(),
            may_import: visit.may_administer(),
            import,
        }
    }
}

/// The page, and what its forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<Definitions>(router)
        .route("/console/export-definitions", get(export))
        .route("/console/import-definitions", post(import))
}

/// `GET /console/export-definitions?vhost=…`: the API's answer, as a file.
async fn export(visit: Visit) -> Response {
    if !visit.is_administrator() {
        let problem = Problem::forbidden("Only administrators export definitions");
        return page::refused(&visit, problem).await;
    }
    let name = file_name(visit.console.site.node(), visit.vhost());
    visit
        .forward(document(&visit).with("download", &name))
        .await
}

/// The definitions that the address asks for: of one vhost, or all.
fn document(visit: &Visit) -> Call {
    match visit.vhost() {
        Some(vhost) => Call::get(&["definitions", vhost]),
        None => Call::get(&["definitions"]),
    }
}

/// `definitions-NODE-VHOST.json`, of characters that every file system takes.
fn file_name(node: &str, vhost: Option<&str>) -> String {
    let parts = ["definitions", node].into_iter().chain(vhost);
    let name: Vec<_> = parts.map(plain).collect();
    format!("{}.json", name.join("-"))
}

fn plain(text: &str) -> String {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || PLAIN.contains(*letter);
    let letters = text.chars();
    letters
        .map(|letter| if is_plain(&letter) { letter } else { '_' })
        .collect()
}

/// `POST /console/import-definitions`: shows what would change; with the digest of that it is done.
async fn import(upload: Upload) -> Response {
    let Upload { visit, text, .. } = &upload;
    let mut import = Import {
        vhost: upload.vhost.clone(),
        text: text.clone(),
        ..Import::default()
    };
    match carried_out(&upload).await {
        Ok(None) => {
            let told = "The definitions were imported".to_owned();
            visit.console.sessions.tell(&visit.session, told.into());
            return see_other("definitions");
        }
        Ok(Some(diff)) => import.diff = Some(diff),
        Err(problem) => {
            import.problem = Some(problem.reason);
            let page = page::html(&Definitions::new(visit, import));
            return (problem.status, page).into_response();
        }
    }
    page::html(&Definitions::new(visit, import))
}

/// What is to be shown; nothing when it was done.
async fn carried_out(upload: &Upload) -> Result<Option<Diff>, Problem> {
    let Upload { visit, text, .. } = upload;
    let document: Value = serde_json::from_str(text)
        .map_err(|why| Problem::bad_request(format!("This is no JSON: {why}")))?;
    let call = match upload.vhost.as_str() {
        "" => Call::post(&["definitions"]),
        vhost => Call::post(&["definitions", vhost]),
    };
    let call = call.body(document);
    let plan = visit.call(call.clone().with("dry_run", "true")).await?;
    let diff = Diff::new(visit, &plan);
    match (upload.shown.as_str(), diff.can_be_applied()) {
        (shown, true) if shown == diff.digest => {
            visit.call(call).await?;
            Ok(None)
        }
        ("", _) => Ok(Some(diff)),
        _ => Ok(Some(diff.late())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_plain_names() {
        let check = |vhost, expected: &str| assert_eq!(file_name("f@<b>", vhost), expected);
        check(None, "definitions-f@_b_.json");
        check(Some("/"), "definitions-f@_b_-_.json");
        check(Some("é shop"), "definitions-f@_b_-__shop.json");
    }
}
