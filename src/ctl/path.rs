//! Paths of the HTTP API, whose segments are names with any characters in them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a segment or a query.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `/api/` and the segments, each encoded.
pub(super) fn path(segments: &[&str]) -> String {
    let mut path = "/api".to_owned();
    for segment in segments {
        path.push('/');
        // A client or proxy would take these two for directories.
        match *segment {
            "." => path.push_str("%2E"),
            ".." => path.push_str("%2E%2E"),
            segment => path.extend(utf8_percent_encode(segment, ENCODED)),
        }
    }
    path
}

/// `path` with a query.
pub(super) fn with_query(mut path: String, query: &[(&str, &str)]) -> String {
    for (name, value) in query {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(name);
        path.push('=');
        path.extend(utf8_percent_encode(value, ENCODED));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded() {
        let check = |segments: &[&str], expected: &str| assert_eq!(path(segments), expected);
        check(&["queues"], "/api/queues");
        check(&["queues", "/", "a b"], "/api/queues/%2F/a%20b");
        check(
            &["queues", "..", "+%é\n"],
            "/api/queues/%2E%2E/%2B%25%C3%A9%0A",
        );
        check(&["users", "a-b._~"], "/api/users/a-b._~");
    }

    #[test]
    fn queries_are_encoded() {
        let path = with_query(path(&["queues"]), &[("columns", "a.b,c"), ("x", "&")]);
        assert_eq!(path, "/api/queues?columns=a.b%2Cc&x=%26");
    }
}
