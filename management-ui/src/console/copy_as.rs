//! "Copy as": what a page shows or a button does, for a shell, and the page's own address for a colleague.

use askama::Template;
use axum::http::Method;

use super::client::Call;
use super::visit::Visit;

/// The menu. Shown by being written into a page, unescaped.
#[derive(Template)]
#[template(path = "parts/copy_as.html")]
pub(crate) struct CopyAs {
    /// As [`Visit::origin`].
    origin: String,
    user: String,
    /// What stands before the API's address, and behind it.
    options: String,
    path: String,
    body: String,
    ctl: String,
    /// The page's own address, from the origin on.
    link: String,
}

impl CopyAs {
    /// For the request `call`; `ctl` are the words after `ferrymq ctl` that do the same, in the vhost `vhost` if that
    /// matters.
    pub(crate) fn new(visit: &Visit, call: &Call, vhost: Option<&str>, ctl: &[&str]) -> Self {
        let prefix = visit.prefix();
        let mut options = match &call.method {
            &Method::GET => String::new(),
            method => format!(" -X {method}"),
        };
        for (name, value) in &call.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            options.push_str(&format!(" -H {}", quoted(&format!("{name}: {value}"))));
        }
        let body = call.body.as_ref().map(|body| {
            let body = quoted(&body.to_string());
            format!(" -H content-type:application/json -d {body}")
        });
        let within = vhost.into_iter().flat_map(|vhost| ["-p", vhost]);
        let words = within.chain(ctl.iter().copied()).map(quoted);
        Self {
            origin: visit.origin(),
            user: quoted(visit.user.name()),
            options,
            path: format!("{prefix}{}", call.path),
            body: body.unwrap_or_default(),
            ctl: words.collect::<Vec<_>>().join(" "),
            link: format!("{prefix}/console/{}", visit.address),
        }
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: &str) {
        assert_eq!(quoted(word), expected);
    }

    #[test]
    fn shells_take_words_as_they_are() {
        check("orders.eu/1", "orders.eu/1");
        check("", "''");
        check("a b", "'a b'");
        check("it's $HOME", r"'it'\''s $HOME'");
        check("ä", "'ä'");
    }
}
