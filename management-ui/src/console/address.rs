//! A page's address: its name, and the state of the page as parameters. Addresses are relative, since all pages
//! lie beside each other.

use std::fmt;

use form_urlencoded::Serializer;

/// Where those go who want nothing in particular.
pub(crate) const FIRST_PAGE: &str = "overview";

/// `queue?vhost=%2F&name=orders`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Address {
    page: String,
    parameters: Vec<(String, String)>,
}

impl Address {
    /// A page without parameters.
    pub(crate) fn new(page: &str) -> Self {
        Self {
            page: page.to_owned(),
            parameters: Vec::new(),
        }
    }

    /// A page with the query string of a request.
    pub(crate) fn parse(page: &str, query: &str) -> Self {
        Self {
            page: page.to_owned(),
            parameters: form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        }
    }

    /// A whole address that came from outside, `queue?vhost=%2F` for example. Only a page of ours is gone to, never
    /// another site: anything else means the first page.
    pub(crate) fn parse_whole(address: &str) -> Self {
        let (page, query) = address.split_once('?').unwrap_or((address, ""));
        let in_names = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        match !page.is_empty() && page.bytes().all(in_names) {
            true => Self::parse(page, query),
            false => Self::new(FIRST_PAGE),
        }
    }

    /// The name of the page.
    pub(crate) fn page(&self) -> &str {
        &self.page
    }

    /// The value of a parameter, if it is not empty; of several the first.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(found, _)| found == name);
        let value = found.next().map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// All values of a parameter.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let found = self
            .parameters
            .iter()
            .filter(move |(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All parameters, but for `without`.
    pub(crate) fn others<'a>(
        &'a self,
        without: &'a [&'a str],
    ) -> impl Iterator<Item = &'a (String, String)> {
        self.parameters
            .iter()
            .filter(|(name, _)| !without.contains(&name.as_str()))
    }

    /// Another page with the same parameters.
    pub(crate) fn named(&self, page: &str) -> Self {
        Self {
            page: page.to_owned(),
            parameters: self.parameters.clone(),
        }
    }

    /// The same with a parameter, instead of what it had.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        self.without(&[name]).and(name, value)
    }

    /// The same with one more value of a parameter.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same without some parameters.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        Self {
            page: self.page.clone(),
            parameters: self.others(names).cloned().collect(),
        }
    }

    /// The query string.
    pub(crate) fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(&self.parameters);
        query.finish()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parameters.is_empty() {
            true => out.write_str(&self.page),
            false => write!(out, "{}?{}", self.page, self.query()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        let address = Address::new("queue")
            .with("vhost", "/")
            .with("name", "a/b &?<é");
        assert_eq!(
            address.to_string(),
            "queue?vhost=%2F&name=a%2Fb+%26%3F%3C%C3%A9"
        );
        assert_eq!(Address::parse("queue", &address.query()), address);
    }

    #[test]
    fn a_parameter_is_replaced() {
        let address = Address::parse("queues", "page=3&sort=name&filter=");
        assert_eq!(address.get("page"), Some("3"));
        assert_eq!(address.get("filter"), None);
        assert_eq!(
            address.with("page", "4").to_string(),
            "queues?sort=name&filter=&page=4"
        );
        let bare = address.without(&["page", "sort", "filter"]);
        assert_eq!(bare.to_string(), "queues");
    }

    fn check(from_outside: &str, expected: &str) {
        let address = Address::parse_whole(from_outside);
        assert_eq!(address.to_string(), expected, "{from_outside}");
    }

    #[test]
    fn only_pages_of_ours_are_gone_to() {
        check("queue?vhost=%2F&name=a", "queue?vhost=%2F&name=a");
        check("dead-letters", "dead-letters");
        check("", "overview");
        check("//evil.example", "overview");
        check("https://evil.example?a=b", "overview");
        check("javascript:alert(1)", "overview");
        check("../api", "overview");
    }
}
