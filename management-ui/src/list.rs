//! Lists: filtered, sorted and paged over what is cheap to look at. Only what is shown is rendered, and a list
//! that nobody pages leaves piece by piece.

mod filter;
mod sort;
mod stream;
mod values;

use std::borrow::Cow;
use std::ops::Range;

use axum::response::Response;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::http::Site;
use crate::query::{Page, Query, View, field};
use crate::refusal::Refusal;

use filter::{BadFilter, Filter};

#[cfg(test)]
pub(crate) use filter::ALIASES;
pub(crate) use sort::SortKey;

/// More rows are sorted, filtered and gathered where that disturbs nobody.
const MAX_ROWS_AT_ONCE: usize = 2_000;

/// Something that lists show.
pub(crate) trait Row: Send + Sync + 'static {
    /// What it is called: what `name=` and a word of a filter look for.
    fn name(&self) -> Cow<'_, str>;

    /// All of it, as JSON.
    fn render(&self, site: &Site, view: &View) -> Value;

    /// The value of a field by which lists are often sorted or filtered; `None`: it is looked up in what `render`
    /// gives.
    fn sort_key(&self, _site: &Site, _field: &str) -> Option<SortKey> {
        None
    }
}

/// What a list is made of, in the usual order.
pub(crate) struct Rows<R>(Vec<Box<dyn Part<R>>>);

/// Some rows, in their order.
pub(crate) trait Part<R>: Send {
    /// How many there are.
    fn len(&self) -> usize;

    /// Those with these numbers.
    fn slice(self: Box<Self>, numbers: Range<usize>) -> Vec<R>;
}

impl<R: Send> Part<R> for Vec<R> {
    fn len(&self) -> usize {
        self.len()
    }

    fn slice(self: Box<Self>, numbers: Range<usize>) -> Vec<R> {
        slice(self.into_iter(), numbers)
    }
}

impl<R: Send + 'static> From<Vec<R>> for Rows<R> {
    fn from(rows: Vec<R>) -> Self {
        Self(vec![Box::new(rows)])
    }
}

impl<R, P: Part<R> + 'static> FromIterator<P> for Rows<R> {
    fn from_iter<T: IntoIterator<Item = P>>(parts: T) -> Self {
        let parts = parts.into_iter();
        Self(
            parts
                .map(|part| Box::new(part) as Box<dyn Part<R>>)
                .collect(),
        )
    }
}

impl<R> Rows<R> {
    /// All rows.
    pub(crate) fn all(self) -> Vec<R> {
        let all = 0..self.len();
        self.slice(all)
    }

    fn len(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }

    fn slice(self, numbers: Range<usize>) -> Vec<R> {
        let mut rows = Vec::with_capacity(numbers.len());
        let mut before = 0;
        for part in self.0 {
            let length = part.len();
            let within = |number: usize| number.saturating_sub(before).min(length);
            let wanted = within(numbers.start)..within(numbers.end);
            if !wanted.is_empty() {
                rows.extend(part.slice(wanted));
            }
            before += length;
        }
        rows
    }
}

/// Those of `all` with these numbers, searched from the end that is nearer.
pub(crate) fn slice<T>(
    all: impl DoubleEndedIterator<Item = T> + ExactSizeIterator,
    numbers: Range<usize>,
) -> Vec<T> {
    let (count, after) = (numbers.len(), all.len() - numbers.end);
    if numbers.start <= after {
        return all.skip(numbers.start).take(count).collect();
    }
    let mut rows: Vec<_> = all.rev().skip(after).take(count).collect();
    rows.reverse();
    rows
}

impl Query {
    /// Answers with a list: a page of it, or all as a bare array.
    ///
    /// # Errors
    /// 400 when there is no such page, or the filter is none.
    pub(crate) async fn list<R: Row>(self, site: &Site, rows: impl Into<Rows<R>>) -> Answer {
        let (rows, site) = (rows.into(), site.clone());
        let filter = self.row_filter()?;
        let page = self.page.as_ref().filter(|page| page.name.is_none());
        let is_slice = page.is_some() && self.sort.is_none() && filter.is_empty();
        if is_slice || rows.len() <= MAX_ROWS_AT_ONCE {
            return self.answer(site, rows, &filter);
        }
        let aside = site.clone();
        aside
            .aside(move || self.answer(site, rows, &filter))
            .await?
    }

    fn row_filter(&self) -> Result<Filter, Refusal> {
        let filter = self.get("filter").unwrap_or_default().parse();
        filter.map_err(|why: BadFilter| Refusal::bad_request(why.to_string()))
    }

    fn answer<R: Row>(self, site: Site, rows: Rows<R>, filter: &Filter) -> Answer {
        let total = rows.len();
        let rows = self.select(&site, rows, filter);
        match &self.page {
            Some(page) => self.page(&site, rows, total, page),
            None => Ok(self.everything(site, rows)),
        }
    }

    /// The rows that pass the filters, in the order that is asked for, but for the direction.
    fn select<R: Row>(&self, site: &Site, rows: Rows<R>, filter: &Filter) -> Rows<R> {
        let names = self.page.as_ref().and_then(|page| page.name.as_ref());
        if names.is_none() && filter.is_empty() && self.sort.is_none() {
            return rows;
        }
        let mut rows = rows.all();
        rows.retain(|row| {
            names.is_none_or(|names| names.accepts(&row.name())) && filter.accepts(site, row)
        });
        let Some(sort) = &self.sort else {
            return rows.into();
        };
        let view = View::of([sort.as_str()].into_iter());
        let key = |row: &R| {
            row.sort_key(site, sort)
                .unwrap_or_else(|| SortKey::of(field(&row.render(site, &view), sort)))
        };
        let mut keyed: Vec<_> = rows.into_iter().map(|row| (key(&row), row)).collect();
        keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
        let sorted = keyed.into_iter().map(|(_, row)| row);
        sorted.collect::<Vec<_>>().into()
    }

    /// A page of `rows`, which were selected from `total`.
    fn page<R: Row>(&self, site: &Site, rows: Rows<R>, total: usize, page: &Page) -> Answer {
        let filtered = rows.len();
        let first = (page.number - 1).saturating_mul(page.size);
        if first >= filtered && page.number > 1 {
            return Err(out_of_range(page, filtered));
        }
        let shown = first..filtered.min(first + page.size);
        let shown = self.directed(rows, shown).into_iter();
        let items = shown.map(|row| self.columns(row.render(site, &self.view)));
        let items: Vec<Value> = items.collect();
        Ok(answer::json(json!({
            "filtered_count": filtered,
            "item_count": items.len(),
            "items": items,
            "page": page.number,
            "page_count": filtered.div_ceil(page.size),
            "page_size": page.size,
            "total_count": total,
        })))
    }

    fn everything<R: Row>(self, site: Site, rows: Rows<R>) -> Response {
        let all = 0..rows.len();
        let shown = self.directed(rows, all).into_iter();
        stream::array(shown.map(move |row| self.columns(row.render(&site, &self.view))))
    }

    /// The rows with these numbers, counted in the direction that is asked for.
    fn directed<R>(&self, rows: Rows<R>, numbers: Range<usize>) -> Vec<R> {
        if !self.reverse {
            return rows.slice(numbers);
        }
        let last = rows.len();
        let mut shown = rows.slice(last - numbers.end..last - numbers.start);
        shown.reverse();
        shown
    }
}

/// Compat: clients know the error by its name.
fn out_of_range(page: &Page, length: usize) -> Refusal {
    let reason = format!(
        "Page out of range, page: {} page size: {}, len: {length}",
        page.number, page.size
    );
    let status = axum::http::StatusCode::BAD_REQUEST;
    Refusal::new(status, "page_out_of_range", reason)
}

#[cfg(test)]
mod tests;
