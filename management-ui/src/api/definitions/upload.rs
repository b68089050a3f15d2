//! A document from a request: its body, or the file of a form in it.

use axum::RequestExt as _;
use axum::body::to_bytes;
use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;

use crate::http::Site;
use crate::refusal::Refusal;

const FORM: &str = "multipart/form-data";
/// The field of a form that holds the document.
const FILE: &str = "file";
/// The field that says where the browser is to go afterwards.
const REDIRECT: &str = "redirect";

/// A document that somebody sent.
pub(crate) struct Upload {
    /// The document.
    pub(super) bytes: Bytes,
    /// Where the browser is to go afterwards.
    pub(super) redirect: Option<HeaderValue>,
}

impl FromRequest<Site> for Upload {
    type Rejection = Refusal;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Refusal> {
        let most = site.broker.config().http.max_body_bytes;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let content_type = request.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        if content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with(FORM)) {
            return form(request, most).await;
        }
        let bytes = to_bytes(request.into_body(), most).await;
        Ok(Self {
            bytes: bytes.map_err(|_| too_large(most))?,
            redirect: None,
        })
    }
}

async fn form(mut request: Request, most: usize) -> Result<Upload, Refusal> {
    DefaultBodyLimit::max(most).apply(&mut request);
    let malformed = |error: MultipartError| match error.status().as_u16() {
        413 => too_large(most),
        _ => Refusal::bad_request(format!("the form can't be read: {error}")),
    };
    let form: Result<Multipart, _> = request.extract().await;
    let mut form = form.map_err(|error| Refusal::bad_request(error.body_text()))?;
    let (mut file, mut redirect) = (None, None);
    while let Some(field) = form.next_field().await.map_err(malformed)? {
        match field.name() {
            Some(FILE) => file = Some(field.bytes().await.map_err(malformed)?),
            Some(REDIRECT) => redirect = Some(field.text().await.map_err(malformed)?),
            _ => {}
        }
    }
    Ok(Upload {
        bytes: file.ok_or_else(|| Refusal::bad_request("the form has no field `file`"))?,
        redirect: redirect.map(|place| checked(&place)).transpose()?,
    })
}

/// A form leads back to this site, and nowhere else.
fn checked(place: &str) -> Result<HeaderValue, Refusal> {
    let elsewhere = place.starts_with("//") || place.contains([':', '\\']);
    let value = HeaderValue::from_str(place).ok().filter(|_| !elsewhere);
    value.ok_or_else(|| Refusal::bad_request("redirect must be a path on this site"))
}

fn too_large(most: usize) -> Refusal {
    Refusal::bad_request(format!(
        "Exceeded HTTP request body size limit of {most} bytes"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_nowhere_else() {
        let check = |place: &str, accepted| assert_eq!(checked(place).is_ok(), accepted, "{place}");
        check("../#/import-succeeded", true);
        check("/", true);
        check("//evil.example", false);
        check("https://evil.example", false);
        check("\\\\evil.example", false);
        check("a\nb", false);
    }
}
