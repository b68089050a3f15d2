//! Filters of lists, as people would type them.

/// What has this text, and no other, in a field.
pub(crate) fn exactly(field: &str, text: &str) -> String {
    let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{field}:=\"{quoted}\"")
}

/// What has nothing in a field.
pub(crate) fn nothing_in(field: &str) -> String {
    format!("{field}:")
}

/// What has a name that begins with this.
pub(crate) fn beginning(prefix: &str) -> String {
    // A slash before a blank would end the expression.
    let pattern = regex::escape(prefix).replace('/', "\\x2f");
    format!("/(?-i)^{pattern}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_mean_what_they_are_made_of() {
        assert_eq!(exactly("user", r#"a\"b"#), r#"user:="a\\\"b""#);
        assert_eq!(beginning("a/ b.c"), r"/(?-i)^a\x2f b\.c/");
    }
}
