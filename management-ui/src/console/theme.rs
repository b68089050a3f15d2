//! Light, dark, or as the system has it. A cookie keeps it, so that the first thing seen is right.

use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use cookie::{Cookie, SameSite};

use super::address::Address;
use super::form::Submission;
use super::login::see_other;
use super::visit::THEME_COOKIE;

/// `POST /console/theme`
pub(crate) async fn choose(submission: Submission) -> Response {
    let theme = match submission.form.text("theme") {
        "light" => "light",
        "dark" => "dark",
        _ => "",
    };
    let cookie = Cookie::build((THEME_COOKIE, theme))
        .same_site(SameSite::Strict)
        .path("/")
        .permanent()
        .build();
    let cookie = HeaderValue::from_str(&cookie.to_string()).expect("a cookie is ASCII");
    let back = Address::parse_whole(submission.form.text("from")).to_string();
    ([(SET_COOKIE, cookie)], see_other(&back)).into_response()
}
