//! What a request's query string asks for: which page, in which order, which fields, which statistics.

mod columns;
mod pattern;
mod range;
mod shown;

use std::ops::RangeInclusive;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ferrymq_broker::browse::{BadFilter, Filter, Mask};
use serde_json::Value;

use crate::answer;
use crate::refusal::Refusal;

pub(crate) use columns::{Columns, field};
pub(crate) use pattern::Pattern;
pub(crate) use range::Ranges;
pub(crate) use shown::Shown;

const DEFAULT_PAGE_SIZE: usize = 100;
const MAX_PAGE_SIZE: usize = 500;
/// Characters of a name to look for.
const MAX_NAME_CHARS: usize = 1024;

/// A query string, understood.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    /// Which page; `None`: everything, as a bare array.
    pub(crate) page: Option<Page>,
    /// In which order; `None`: the usual one.
    pub(crate) sort: Option<String>,
    /// The other way round?
    pub(crate) reverse: bool,
    /// What of each object is to be shown.
    pub(crate) view: View,
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) number: usize,
    /// Objects on it.
    pub(crate) size: usize,
    /// Which objects; `None`: all.
    pub(crate) name: Option<Pattern>,
}

/// What of an object is to be shown.
#[derive(Debug, Default, Clone)]
pub(crate) struct View {
    /// Statistics are left out.
    pub(crate) disable_stats: bool,
    /// But for the numbers of messages in queues.
    pub(crate) queue_totals: bool,
    /// Everything, also what lists leave out.
    pub(crate) detailed: bool,
    /// For how long back, in which steps.
    pub(crate) ranges: Ranges,
    /// Which fields; all, if none is named.
    columns: Columns,
}

impl View {
    /// What stands at these paths, whatever is to be shown: what objects are sorted and filtered by.
    pub(crate) fn of<'a>(paths: impl Iterator<Item = &'a str>) -> Self {
        Self {
            detailed: true,
            columns: Columns::of(paths),
            ..Self::default()
        }
    }

    /// The same of all fields: what can be sorted and filtered by, whatever is shown in the end.
    pub(crate) fn whole(&self) -> Self {
        Self {
            columns: Columns::default(),
            ..self.clone()
        }
    }

    /// Are these the only fields that are wanted, so that no others need be looked up?
    pub(crate) fn is_within(&self, fields: &[&str]) -> bool {
        self.columns.are_within(fields)
    }
}

impl Query {
    /// Understands a query string.
    ///
    /// # Errors
    /// 400 for a page or a range that can't be.
    pub(crate) fn parse(query: &str) -> Result<Self, Refusal> {
        let pairs = form_urlencoded::parse(query.as_bytes());
        let pairs = pairs.map(|(name, value)| (name.into_owned(), value.into_owned()));
        let mut query = Self {
            pairs: pairs.collect(),
            ..Self::default()
        };
        query.page = query.parse_page()?;
        query.sort = query.get("sort").map(str::to_owned);
        query.sort = query.sort.take().filter(|field| !field.is_empty());
        query.reverse = query.flag("sort_reverse");
        let columns = Columns::parse(query.get("columns").unwrap_or_default());
        query.view = View {
            disable_stats: query.flag("disable_stats"),
            queue_totals: query.flag("enable_queue_totals"),
            detailed: !columns.is_all(),
            ranges: Ranges::parse(|name| query.get(name))?,
            columns,
        };
        Ok(query)
    }

    /// The value of a parameter; of several the first.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Is a parameter `true`?
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// The number `name`, or `default`.
    ///
    /// # Errors
    /// 400 for what is none, or outside of `range`.
    pub(crate) fn number(
        &self,
        name: &str,
        default: usize,
        range: RangeInclusive<usize>,
    ) -> Result<usize, Refusal> {
        let Some(value) = self.get(name).filter(|value| !value.is_empty()) else {
            return Ok(default);
        };
        let number = value.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let rule = match *range.end() {
                usize::MAX => format!("a number from {}", range.start()),
                end => format!("a number from {} to {end}", range.start()),
            };
            Refusal::bad_request(format!("{name} must be {rule}"))
        })
    }

    /// The parameter `filter`: which messages are wanted.
    ///
    /// # Errors
    /// 400 for what is no filter, and for one that asks for what is masked.
    pub(crate) fn message_filter(&self, mask: &Mask) -> Result<Filter, Refusal> {
        let filter = self.get("filter").unwrap_or_default().parse();
        let filter = filter.map_err(|why: BadFilter| Refusal::bad_request(why.to_string()))?;
        mask.check(&filter)
            .map_err(|why| Refusal::bad_request(why.to_string()))?;
        Ok(filter)
    }

    /// The columns of `value` that are asked for.
    pub(crate) fn columns(&self, value: Value) -> Value {
        self.view.columns.pick(value)
    }

    /// Answers with one object.
    pub(crate) fn object(&self, value: impl Into<Value>) -> axum::response::Response {
        answer::json(self.columns(value.into()))
    }

    fn parse_page(&self) -> Result<Option<Page>, Refusal> {
        let Some(number) = self.get("page") else {
            return Ok(None);
        };
        let number = positive("page", number, usize::MAX)?;
        let size = self.get("page_size").filter(|size| !size.is_empty());
        let size = size.map(|size| positive("page_size", size, MAX_PAGE_SIZE));
        Ok(Some(Page {
            number,
            size: size.transpose()?.unwrap_or(DEFAULT_PAGE_SIZE),
            name: self.parse_name()?,
        }))
    }

    fn parse_name(&self) -> Result<Option<Pattern>, Refusal> {
        let Some(name) = self.get("name").filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        if name.chars().count() > MAX_NAME_CHARS {
            return Err(invalid(format!(
                "name must have at most {MAX_NAME_CHARS} characters"
            )));
        }
        if !self.flag("use_regex") {
            return Ok(Some(Pattern::containing(name)));
        }
        // Compat: of what is no regular expression there is nothing.
        Ok(Some(Pattern::matching(name).unwrap_or(Pattern::Nothing)))
    }
}

fn positive(parameter: &str, value: &str, most: usize) -> Result<usize, Refusal> {
    let number = value.parse().ok();
    number
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| {
            let rule = match most {
                usize::MAX => "a number from 1".to_owned(),
                most => format!("a number from 1 to {most}"),
            };
            invalid(format!("{parameter} must be {rule}, not '{value}'"))
        })
}

fn invalid(reason: String) -> Refusal {
    let status = axum::http::StatusCode::BAD_REQUEST;
    Refusal::new(status, "invalid_pagination_parameters", reason)
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, number: usize, size: usize) {
        let page = Query::parse(query).unwrap().page.unwrap();
        assert_eq!((page.number, page.size), (number, size), "{query}");
    }

    #[test]
    fn pages_have_a_number_and_a_size() {
        check("page=1", 1, 100);
        check("page=3&page_size=500", 3, 500);
        check("pagination=true&page=2&page_size=", 2, 100);
        assert!(Query::parse("page_size=7").unwrap().page.is_none());
        for bad in [
            "page=0",
            "page=-1",
            "page=a",
            "page=",
            "page=1&page_size=501",
        ] {
            assert!(Query::parse(bad).is_err(), "{bad}");
        }
    }

    fn finds(query: &str, name: &str, expected: bool) {
        let query = Query::parse(&format!("page=1&{query}")).unwrap();
        let filter = query.page.unwrap().name.unwrap();
        assert_eq!(filter.accepts(name), expected, "{name}");
    }

    #[test]
    fn names_are_found_whatever_their_case() {
        finds("name=OrD", "my-orders", true);
        finds("name=ord", "MY-ORDERS", true);
        finds("name=%C3%89t%C3%A9", "bel été", true);
        finds("name=a.c", "abc", false);
        finds("name=A.c&use_regex=true", "xabCx", true);
        finds("name=%5Ea%24&use_regex=true", "ab", false);
        finds("name=(&use_regex=true", "(", false);
        finds("name=a+b", "xa bx", true);
    }
}
