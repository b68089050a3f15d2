//! Lists: filtered, sorted and paged over what is cheap to look at. Only what is shown is rendered, and a list
//! that nobody pages leaves piece by piece.

mod filter;
mod rows;
mod selection;
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
use selection::{Selection, Wanted};

#[cfg(test)]
pub(crate) use filter::ALIASES;
pub(crate) use rows::{Names, Part, Rows, pick, slice};
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
        let selected = self.select(&site, rows, filter);
        match &self.page {
            Some(page) => self.page(&site, selected, total, page),
            None => Ok(self.everything(site, selected)),
        }
    }

    /// The rows that pass the filters, in the order that is asked for, but for the direction.
    fn select<R: Row>(&self, site: &Site, rows: Rows<R>, filter: &Filter) -> Selection<R> {
        let name = self.page.as_ref().and_then(|page| page.name.as_ref());
        let is_wanted =
            |text: &str| name.is_none_or(|name| name.accepts(text)) && filter.accepts_name(text);
        let by_name = name.is_some() || filter.asks_for_names();
        let names = by_name.then_some(&is_wanted as &dyn Fn(&str) -> bool);
        let wanted = match &self.sort {
            None if names.is_none() && filter.is_empty() => Wanted::All,
            None => {
                let mut numbers = Vec::new();
                rows.each(names, |number, row| {
                    if filter.accepts_fields(site, row) {
                        numbers.push(number);
                    }
                });
                Wanted::Some(numbers)
            }
            Some(field) => {
                let view = View::of([field.as_str()].into_iter());
                let mut keyed = Vec::new();
                rows.each(names, |number, row| {
                    if filter.accepts_fields(site, row) {
                        keyed.push((sort_key(site, row, field, &view), number));
                    }
                });
                Wanted::Sorted(keyed)
            }
        };
        Selection { rows, wanted }
    }

    /// A page of what was selected from `total` rows.
    fn page<R: Row>(
        &self,
        site: &Site,
        selected: Selection<R>,
        total: usize,
        page: &Page,
    ) -> Answer {
        let filtered = selected.len();
        let first = (page.number - 1).saturating_mul(page.size);
        if first >= filtered && page.number > 1 {
            return Err(out_of_range(page, filtered));
        }
        let shown = first..filtered.min(first + page.size);
        let shown = self.directed(selected, shown).into_iter();
        let items = shown.map(|row| self.columns(row.render(site, &self.view)));
        let items: Vec<Value> = items.collect();
        let mut answer = json!({
            "filtered_count": filtered,
            "item_count": items.len(),
            "page": page.number,
            "page_count": filtered.div_ceil(page.size),
            "page_size": page.size,
            "total_count": total,
        });
        // The macro would copy them.
        answer["items"] = items.into();
        Ok(answer::json(answer))
    }

    fn everything<R: Row>(self, site: Site, selected: Selection<R>) -> Response {
        let all = 0..selected.len();
        let shown = self.directed(selected, all).into_iter();
        stream::array(shown.map(move |row| self.columns(row.render(&site, &self.view))))
    }

    /// The rows at these places, counted in the direction that is asked for.
    fn directed<R: Row>(&self, selected: Selection<R>, places: Range<usize>) -> Vec<R> {
        if !self.reverse {
            return selected.take(places);
        }
        let last = selected.len();
        let mut shown = selected.take(last - places.end..last - places.start);
        shown.reverse();
        shown
    }
}

/// What `row` is sorted by; `view` shows nothing else of it.
fn sort_key<R: Row>(site: &Site, row: &R, path: &str, view: &View) -> SortKey {
    row.sort_key(site, path)
        .unwrap_or_else(|| SortKey::of(field(&row.render(site, view), path)))
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
