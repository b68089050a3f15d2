//! Lists: filtered, sorted and paged over what is cheap to look at. Only what is shown is rendered, and a list
//! that nobody pages leaves piece by piece.

mod filter;
mod sort;
mod stream;
mod values;

use std::borrow::Cow;
use std::sync::Arc;

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

/// A list of more rows is sorted and filtered where that disturbs nobody.
const MAX_ROWS_AT_ONCE: usize = 2_000;

/// Something that lists show.
pub(crate) trait Row: Send + Sync + 'static {
    /// What it is called: what `name=` and a word of a filter look for.
    fn name(&self) -> Cow<'_, str>;

    /// All of it, as JSON.
    fn render(&self, site: &Site, view: &View) -> Value;

    /// The value of a field by which lists are often sorted or filtered; `None`: it is looked up in what `render`
    /// gives, all of it.
    fn sort_key(&self, _site: &Site, _field: &str) -> Option<SortKey> {
        None
    }
}

/// What a list is made of, in the usual order: parts that are there anyhow, and are not copied.
pub(crate) struct Rows<R>(Vec<Arc<[R]>>);

/// Where a row stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    part: u32,
    index: u32,
}

/// What is shown of a list, in its order.
enum Selection {
    /// All rows.
    All,
    /// These.
    Some(Vec<Place>),
}

impl<R> From<Vec<R>> for Rows<R> {
    fn from(rows: Vec<R>) -> Self {
        Self(vec![rows.into()])
    }
}

impl<R> FromIterator<Arc<[R]>> for Rows<R> {
    fn from_iter<T: IntoIterator<Item = Arc<[R]>>>(parts: T) -> Self {
        Self(parts.into_iter().collect())
    }
}

impl<R> Rows<R> {
    /// All rows, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &R> {
        self.0.iter().flat_map(|part| part.iter())
    }

    fn len(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }

    fn at(&self, place: Place) -> &R {
        &self.0[place.part as usize][place.index as usize]
    }

    fn places(&self) -> impl Iterator<Item = Place> {
        let parts = self.0.iter().zip(0..);
        parts.flat_map(|(rows, part)| {
            let indices = 0..rows.len() as u32;
            indices.map(move |index| Place { part, index })
        })
    }

    /// The row number `index` of all.
    fn nth(&self, mut index: usize) -> Option<&R> {
        for part in &self.0 {
            match part.get(index) {
                Some(row) => return Some(row),
                None => index -= part.len(),
            }
        }
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
        let named = self.page.as_ref().is_some_and(|page| page.name.is_some());
        let selects = self.sort.is_some() || named || !filter.is_empty();
        if !selects || rows.len() <= MAX_ROWS_AT_ONCE {
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
        let selection = self.select(&site, &rows, filter);
        match &self.page {
            Some(page) => self.page(&site, &rows, &selection, page),
            None => Ok(self.everything(site, rows, selection)),
        }
    }

    /// The rows that pass the filters, in the order that is asked for, but for the direction.
    fn select<R: Row>(&self, site: &Site, rows: &Rows<R>, filter: &Filter) -> Selection {
        let names = self.page.as_ref().and_then(|page| page.name.as_ref());
        if names.is_none() && filter.is_empty() && self.sort.is_none() {
            return Selection::All;
        }
        let accepted = |place: &Place| {
            let row = rows.at(*place);
            names.is_none_or(|names| names.accepts(&row.name())) && filter.accepts(site, row)
        };
        let places = rows.places().filter(accepted);
        let Some(sort) = &self.sort else {
            return Selection::Some(places.collect());
        };
        let key = |row: &R| {
            row.sort_key(site, sort)
                .unwrap_or_else(|| SortKey::of(field(&row.render(site, &View::whole()), sort)))
        };
        let keyed = places.map(|place| (key(rows.at(place)), place));
        let mut keyed: Vec<_> = keyed.collect();
        keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
        Selection::Some(keyed.into_iter().map(|(_, place)| place).collect())
    }

    fn page<R: Row>(
        &self,
        site: &Site,
        rows: &Rows<R>,
        selection: &Selection,
        page: &Page,
    ) -> Answer {
        let (total, filtered) = (rows.len(), selection.len(rows));
        let first = (page.number - 1).saturating_mul(page.size);
        if first >= filtered && page.number > 1 {
            return Err(out_of_range(page, filtered));
        }
        let shown = first..filtered.min(first + page.size);
        let items = shown.filter_map(|index| {
            let row = selection.nth(rows, self.directed(index, filtered))?;
            Some(self.columns(row.render(site, &self.view)))
        });
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

    fn everything<R: Row>(self, site: Site, rows: Rows<R>, selection: Selection) -> Response {
        let length = selection.len(&rows);
        let rendered = (0..length).filter_map(move |index| {
            let row = selection.nth(&rows, self.directed(index, length))?;
            Some(self.columns(row.render(&site, &self.view)))
        });
        stream::array(rendered)
    }

    /// Where the row number `index` of the answer stands in the order.
    fn directed(&self, index: usize, length: usize) -> usize {
        match self.reverse {
            true => length - 1 - index,
            false => index,
        }
    }
}

impl Selection {
    fn len<R>(&self, rows: &Rows<R>) -> usize {
        match self {
            Self::All => rows.len(),
            Self::Some(places) => places.len(),
        }
    }

    fn nth<'a, R>(&self, rows: &'a Rows<R>, index: usize) -> Option<&'a R> {
        match self {
            Self::All => rows.nth(index),
            Self::Some(places) => places.get(index).map(|place| rows.at(*place)),
        }
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
