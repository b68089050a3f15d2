//! The form with a document: a file, or pasted text. It comes in parts, since files do, and brings the session's secret
//! along as every other form does.

use axum::RequestExt as _;
use axum::body::Body;
use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts as _, Multipart, Request};
use axum::response::{IntoResponse as _, Response};

use crate::console::Console;
use crate::console::client::Problem;
use crate::console::visit::Visit;

/// A document that a session's user has sent.
pub(super) struct Upload {
    pub(super) visit: Visit,
    /// The document.
    pub(super) text: String,
    /// Only what is in this vhost; empty: everything.
    pub(super) vhost: String,
    /// The digest of what was shown; empty: nothing was yet.
    pub(super) shown: String,
}

/// What the parts of the form say.
#[derive(Default)]
struct Fields {
    csrf: String,
    file: String,
    text: String,
    vhost: String,
    shown: String,
}

impl FromRequest<Console> for Upload {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, console).await?;
        let most = console.site.broker.config().http.max_body_bytes;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let request = Request::from_parts(parts, body);
        let fields = fields(request, most).await;
        let fields = fields.map_err(Problem::into_response)?;
        if fields.csrf != visit.csrf {
            return Err(Problem::foreign_form().into_response());
        }
        Ok(Self {
            visit,
            text: match fields.file.is_empty() {
                true => fields.text,
                false => fields.file,
            },
            vhost: fields.vhost,
            shown: fields.shown,
        })
    }
}

async fn fields(mut request: Request<Body>, most: usize) -> Result<Fields, Problem> {
    DefaultBodyLimit::max(most).apply(&mut request);
    let malformed = |error: MultipartError| match error.status().as_u16() {
        413 => Problem::bad_request(format!("a document may have {most} bytes")),
        _ => Problem::bad_request(format!("the form can't be read: {error}")),
    };
    let form: Result<Multipart, _> = request.extract().await;
    let mut form = form.map_err(|error| Problem::bad_request(error.body_text()))?;
    let mut fields = Fields::default();
    while let Some(part) = form.next_field().await.map_err(malformed)? {
        let field = match part.name() {
            Some("csrf") => &mut fields.csrf,
            Some("file") => &mut fields.file,
            Some("text") => &mut fields.text,
            Some("vhost") => &mut fields.vhost,
            Some("shown") => &mut fields.shown,
            _ => continue,
        };
        *field = part.text().await.map_err(malformed)?;
    }
    Ok(fields)
}
