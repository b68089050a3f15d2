//! Tables over the API's lists: which columns there are, which are shown, in which order, and how each value looks. What
//! is shown is the state in the page's address; filtering, sorting and paging are the API's.

mod cell;
mod column;
mod kept;

use std::iter;

use askama::Template;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::address::Address;
use super::client::{Call, Problem};
use super::copy_as::CopyAs;
use super::page::{Part, rendered};
use super::visit::Visit;
use crate::query::field;

use kept::Kept;

pub(crate) use cell::{Badge, Button, Cell, bytes, moment, number, text, time};
pub(crate) use column::{Column, Kind, Preset};

/// Rows on a page, unless the address says otherwise.
const DEFAULT_SIZE: u64 = 50;
/// What a page may have.
const SIZES: [u64; 5] = [25, 50, 100, 250, 500];
/// How far back small charts in rows go, and in which steps, in seconds.
const SPARK: [(&str, &str); 2] = [("lengths_age", "600"), ("lengths_incr", "20")];

/// A kind of table.
pub(crate) struct Sheet {
    /// Its name on the page.
    pub(crate) id: &'static str,
    /// Where the API has its rows, `["queues"]` for example; names in braces are parameters of the page's address, those
    /// behind a question mark are passed on as parameters.
    pub(crate) path: &'static [&'static str],
    /// What rows are called, one and several.
    pub(crate) nouns: (&'static str, &'static str),
    /// All columns, the row's own name first.
    pub(crate) columns: &'static [Column],
    /// The fields that tell a row from all others.
    pub(crate) key: &'static [&'static str],
    /// What `ferrymq ctl` has for the same list; a table that is part of another page has none.
    pub(crate) command: &'static str,
    /// The request for a row alone, by its key: a table that is a page of a list asks for those that have left the page.
    pub(crate) one: Option<fn(&[&str]) -> Call>,
    /// Rows that nothing can be done to: they are not selected.
    pub(crate) fixed: fn(&Value) -> bool,
    /// Actions on rows that are selected.
    pub(crate) bulk: &'static [Bulk],
}

/// Something that can be done to several rows at once.
#[derive(Clone, Copy)]
pub(crate) struct Bulk {
    /// The action's name, as the page `confirm` knows it.
    pub(crate) action: &'static str,
    /// On its button.
    pub(crate) title: &'static str,
    /// The page that asks for the rest.
    page: &'static str,
}

impl Bulk {
    /// An action of the page `confirm`.
    pub(crate) const fn new(action: &'static str, title: &'static str) -> Self {
        Self::on("confirm", action, title)
    }

    /// What another page does with the rows that are selected.
    pub(crate) const fn on(page: &'static str, action: &'static str, title: &'static str) -> Self {
        Self {
            action,
            title,
            page,
        }
    }
}

/// A table as it is shown.
#[derive(Template)]
#[template(path = "parts/table.html")]
pub(crate) struct Table {
    id: &'static str,
    nouns: (&'static str, &'static str),
    address: Address,
    headers: Vec<Header>,
    rows: Vec<Row>,
    kept: Kept,
    bulk: Vec<Bulk>,
    choices: Vec<Choice>,
    presets: Vec<Choice>,
    filter: String,
    /// Why there are no rows, when the filter is at fault.
    problem: Option<String>,
    total: u64,
    filtered: u64,
    page: u64,
    pages: u64,
    size: u64,
    /// Can it be filtered, sorted and paged?
    whole: bool,
    /// Does the page say why there are no rows, so that the table need not?
    explained: bool,
    /// A menu that tells how to get the same by other means; may be empty.
    pub(crate) copy_as: String,
}

/// Which rows of how many are shown.
#[derive(Template)]
#[template(path = "parts/counts.html")]
struct Counts {
    first: u64,
    last: u64,
    filtered: u64,
    total: u64,
    noun: &'static str,
}

/// A column's head.
struct Header {
    title: &'static str,
    about: &'static str,
    class: &'static str,
    /// Where a click leads: the same, sorted by this.
    to: String,
    /// `ascending`, `descending`, or nothing.
    sorted: &'static str,
}

/// A row as it is shown.
#[derive(Template)]
#[template(path = "parts/row.html")]
struct Row {
    table: &'static str,
    key: String,
    name: String,
    /// Is there a column for ticks?
    has_tick: bool,
    /// Can it be ticked?
    selectable: bool,
    cells: Vec<Shown>,
}

/// A value, below its column's head.
struct Shown {
    title: &'static str,
    class: &'static str,
    cell: Cell,
}

/// A column, or a set of them, that can be shown or not.
struct Choice {
    name: &'static str,
    title: &'static str,
    chosen: bool,
    to: String,
}

impl Sheet {
    /// The table as the visit's address asks for it.
    ///
    /// # Errors
    /// What the API refuses; a filter that it does not understand is told of in the table.
    pub(crate) async fn load(&'static self, visit: &Visit) -> Result<Table, Problem> {
        self.load_from(visit, self.list(&visit.address)).await
    }

    /// The request for all its rows, on a page with this address.
    pub(crate) fn list(&self, address: &Address) -> Call {
        let names = self.path.iter().filter(|part| !part.starts_with('?'));
        let name = |part: &&'static str| match part.strip_prefix('{') {
            Some(parameter) => address
                .get(parameter.trim_end_matches('}'))
                .unwrap_or_default()
                .to_owned(),
            None => (*part).to_owned(),
        };
        let names: Vec<_> = names.map(name).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let passed_on = self.passed_on(address).into_iter();
        passed_on.fold(Call::get(&names), |call, (name, value)| {
            call.with(name, value)
        })
    }

    /// What of the page's address is passed on to the API.
    fn passed_on<'a>(&self, address: &'a Address) -> Vec<(&'static str, &'a str)> {
        let parameters = self.path.iter().filter_map(|part| part.strip_prefix('?'));
        parameters
            .filter_map(|name| Some((name, address.get(name)?)))
            .collect()
    }

    /// The words after `ferrymq ctl` that list the same.
    fn command(&self, address: &Address) -> Vec<String> {
        let passed_on = self.passed_on(address).into_iter();
        let options = passed_on.flat_map(|(name, value)| [format!("--{name}"), value.to_owned()]);
        let command = iter::once(self.command.to_owned());
        command.chain(options).collect()
    }

    /// The same of another list with the same rows.
    ///
    /// # Errors
    /// As [`Sheet::load`].
    pub(crate) async fn load_from(
        &'static self,
        visit: &Visit,
        list: Call,
    ) -> Result<Table, Problem> {
        let mut table = self.empty(visit);
        let list = self.asked(visit, list, &table);
        let page = list.clone().with("page", &table.page.to_string());
        if !self.command.is_empty() && !visit.is_live {
            let command = self.command(&visit.address);
            let command: Vec<_> = command.iter().map(String::as_str).collect();
            table.copy_as = rendered(&CopyAs::new(visit, &page, visit.vhost(), &command));
        }
        let answer = match visit.call(page).await {
            // There were more rows when the address was made.
            Err(problem) if problem.reason.starts_with("Page out of range") => {
                table.page = 1;
                visit.call(list.with("page", "1")).await
            }
            answer => answer,
        };
        match answer {
            Ok(answer) => {
                self.fill(visit, &mut table, &answer);
                table.kept = self.keep(visit, &table).await?;
            }
            Err(problem) if problem.status == StatusCode::BAD_REQUEST => {
                table.problem = Some(problem.reason);
            }
            Err(problem) => return Err(problem),
        }
        Ok(table)
    }

    /// A table of all `rows`, which are few: part of a page about something else.
    pub(crate) fn of(&'static self, visit: &Visit, rows: &[Value]) -> Table {
        let mut table = self.empty(visit);
        table.whole = false;
        table.total = rows.len() as u64;
        table.filtered = table.total;
        table.rows = self.rows(visit, &table, rows);
        table.kept.gone = table.missing(visit);
        table
    }

    fn asked(&self, visit: &Visit, list: Call, table: &Table) -> Call {
        let address = &visit.address;
        let mut list = list.with("page_size", &table.size.to_string());
        for name in ["sort", "sort_reverse", "filter"] {
            if let Some(value) = address.get(name) {
                list = list.with(name, value);
            }
        }
        if self.shown(visit).any(|column| column.kind.is_spark()) && !visit.is_live {
            for (name, value) in SPARK {
                list = list.with(name, value);
            }
        }
        match visit.vhost() {
            Some(vhost) => list.header("x-vhost", vhost),
            None => list,
        }
    }

    /// The fields of the API that the shown columns and the key are made of, where they are made of nothing beside
    /// these fields and `others`: a list for the parameter `columns`.
    pub(crate) fn fields(&self, visit: &Visit, others: &[&'static str]) -> String {
        let shown = self.shown(visit).map(|column| column.field);
        let fields = self.key.iter().chain(others).copied().chain(shown);
        fields.collect::<Vec<_>>().join(",")
    }

    fn empty(&'static self, visit: &Visit) -> Table {
        let address = &visit.address;
        let (headers, choices, presets) = match visit.is_live {
            // A stream sends rows, not what stands around them.
            true => Default::default(),
            false => {
                let headers = self.shown(visit).map(|column| header(address, column));
                let headers = headers.collect();
                (headers, self.choices(address), self.presets(address))
            }
        };
        let number = |name: &str, default: u64| {
            let given = address.get(name).and_then(|text| text.parse().ok());
            given.filter(|number| *number > 0).unwrap_or(default)
        };
        Table {
            id: self.id,
            nouns: self.nouns,
            headers,
            rows: Vec::new(),
            kept: Kept::default(),
            bulk: match visit.is_read_only() {
                true => Vec::new(),
                false => self.bulk.to_vec(),
            },
            choices,
            presets,
            filter: address.get("filter").unwrap_or_default().to_owned(),
            problem: None,
            total: 0,
            filtered: 0,
            page: number("page", 1),
            pages: 0,
            size: number("page_size", DEFAULT_SIZE).min(SIZES[SIZES.len() - 1]),
            whole: true,
            explained: false,
            copy_as: String::new(),
            address: address.clone(),
        }
    }

    fn fill(&'static self, visit: &Visit, table: &mut Table, answer: &Value) {
        let number = |name: &str| answer[name].as_u64().unwrap_or_default();
        table.total = number("total_count");
        table.filtered = number("filtered_count");
        table.pages = number("page_count");
        let rows = answer["items"].as_array();
        table.rows = self.rows(visit, table, rows.map_or(&[][..], Vec::as_slice));
    }

    fn rows(&'static self, visit: &Visit, table: &Table, rows: &[Value]) -> Vec<Row> {
        let columns: Vec<_> = self.shown(visit).collect();
        let row = |row: &Value| {
            let key = self.key_of(row);
            // Of a row that the browser does not have only the key is of use.
            let is_wanted = visit
                .shown
                .as_ref()
                .is_none_or(|shown| shown.has(self.id, &key));
            let columns = columns.iter().filter(|_| is_wanted);
            let shown = columns.map(|column| Shown {
                title: column.title,
                class: column.class(),
                cell: column.cell(row),
            });
            Row {
                table: self.id,
                key,
                name: self.name_of(row),
                has_tick: !table.bulk.is_empty(),
                selectable: !(self.fixed)(row),
                cells: shown.collect(),
            }
        };
        rows.iter().map(row).collect()
    }

    /// What tells a row from all others: a JSON array.
    fn key_of(&self, row: &Value) -> String {
        let fields = self
            .key
            .iter()
            .map(|path| field(row, path).cloned().unwrap_or_default());
        Value::Array(fields.collect()).to_string()
    }

    /// What people tell a row by.
    fn name_of(&self, row: &Value) -> String {
        let text = |field: &&str| row[*field].as_str();
        let key = || self.key.iter().filter_map(text).collect::<Vec<_>>();
        row["name"]
            .as_str()
            .map_or_else(|| key().join(" "), str::to_owned)
    }

    /// The columns that a visit asks for. Where all rows are of one vhost, nothing is said of it unless that is asked
    /// for.
    fn shown<'a>(&'a self, visit: &'a Visit) -> impl Iterator<Item = &'a Column> {
        let asked = visit.address.get("columns");
        let one_vhost = asked.is_none() && visit.is_about_one_vhost();
        let columns = self.columns.iter().enumerate();
        columns
            .filter(move |(index, column)| *index == 0 || column.is_shown(asked))
            .filter(move |(index, column)| *index == 0 || !(one_vhost && column.is_vhost()))
            .map(|(_, column)| column)
    }

    /// The fields of the columns that the address asks for.
    pub(crate) fn exported(&'static self, address: &Address) -> Vec<&'static str> {
        let columns = self.columns.iter().enumerate();
        let asked = address.get("columns");
        let shown = columns.filter(|(index, column)| *index == 0 || column.is_shown(asked));
        let shown = shown.filter(|(_, column)| !column.kind.is_spark());
        shown.map(|(_, column)| column.field).collect()
    }

    fn choices(&self, address: &Address) -> Vec<Choice> {
        let columns = &self.columns[1..];
        let asked = address.get("columns");
        let shown: Vec<_> = columns
            .iter()
            .filter(|column| column.is_shown(asked))
            .collect();
        let choice = |column: &Column| {
            let chosen = column.is_shown(asked);
            let mut names: Vec<_> = shown.iter().map(|column| column.field).collect();
            match chosen {
                true => names.retain(|name| *name != column.field),
                false => names.push(column.field),
            }
            Choice {
                name: column.field,
                title: column.title,
                chosen,
                to: address.with("columns", &names.join(",")).to_string(),
            }
        };
        columns.iter().map(choice).collect()
    }

    fn presets(&self, address: &Address) -> Vec<Choice> {
        let asked = address.get("columns").unwrap_or_default();
        let used = |preset: &Preset| {
            let mut columns = self.columns.iter();
            *preset == Preset::All || columns.any(|column| column.presets.contains(preset))
        };
        let presets = Preset::EVERY.iter().filter(|preset| used(preset));
        presets
            .map(|preset| Choice {
                name: preset.name(),
                title: preset.title(),
                chosen: asked == preset.name(),
                to: address.with("columns", preset.name()).to_string(),
            })
            .collect()
    }
}

fn header(address: &Address, column: &Column) -> Header {
    let is_sorted = address.get("sort") == Some(column.field);
    let descends = address.get("sort_reverse") == Some("true");
    // The first click shows what is most interesting: large numbers, names from A on.
    let reverse = match is_sorted {
        true => !descends,
        false => column.kind.is_number(),
    };
    let to = address.without(&["page"]).with("sort", column.field);
    Header {
        title: column.title,
        about: column.about,
        class: column.class(),
        to: to.with("sort_reverse", &reverse.to_string()).to_string(),
        sorted: match (is_sorted, descends) {
            (false, _) => "",
            (true, false) => "ascending",
            (true, true) => "descending",
        },
    }
}

impl Table {
    /// What changes in it while the page is open.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let rows = self.rows.iter().chain(&self.kept.rows).map(|row| Part {
            id: format!("row:{}:{}", self.id, row.key),
            html: rendered(row),
        });
        let keys = self.rows.iter().map(|row| Value::from(row.key.as_str()));
        let order = Part {
            id: format!("keys:{}", self.id),
            html: json!({ "order": keys.collect::<Value>(), "gone": self.kept.gone }).to_string(),
        };
        let counts = Part::new(&format!("{}-counts", self.id), &self.counts());
        rows.chain([order, counts]).collect()
    }

    /// The same, on a page that says why there are no rows.
    pub(crate) fn explained(mut self) -> Self {
        self.explained = true;
        self
    }

    /// The same, where nothing can be done to rows: unless it `may`.
    pub(crate) fn actions_if(self, may: bool) -> Self {
        self.actions_that(|_| may)
    }

    /// The same, where of what can be done to rows only that is left which the visitor `may`: by the action's name.
    pub(crate) fn actions_that(mut self, may: impl Fn(&str) -> bool) -> Self {
        self.bulk.retain(|bulk| may(bulk.action));
        for row in self.rows.iter_mut().chain(&mut self.kept.rows) {
            row.has_tick = !self.bulk.is_empty();
        }
        self
    }

    /// Is there nothing at all, whatever the filter?
    pub(crate) fn is_empty(&self) -> bool {
        self.total == 0 && self.problem.is_none()
    }
    fn counts(&self) -> Counts {
        Counts {
            first: self.first(),
            last: self.last(),
            filtered: self.filtered,
            total: self.total,
            noun: self.noun(),
        }
    }

    fn noun(&self) -> &'static str {
        match self.total {
            1 => self.nouns.0,
            _ => self.nouns.1,
        }
    }

    /// The number of the first row that is shown, from 1.
    fn first(&self) -> u64 {
        (self.page - 1) * self.size + 1
    }

    fn last(&self) -> u64 {
        (self.first() + self.rows.len() as u64).saturating_sub(1)
    }

    fn to_page(&self, page: u64) -> String {
        self.address.with("page", &page.to_string()).to_string()
    }

    fn without_filter(&self) -> String {
        self.address.without(&["filter", "page"]).to_string()
    }

    fn without_columns(&self) -> String {
        self.address.without(&["columns"]).to_string()
    }

    /// What a form with a new filter must bring along to keep the rest of the state.
    fn kept(&self) -> impl Iterator<Item = &(String, String)> {
        self.address.others(&["filter", "page"])
    }

    fn kept_but_size(&self) -> impl Iterator<Item = &(String, String)> {
        self.address.others(&["page_size", "page"])
    }

    /// The same rows, all of them, as a file.
    fn export(&self, format: &str) -> String {
        let address = Address::parse("export", &self.address.without(&["page"]).query());
        address
            .with("table", self.id)
            .with("format", format)
            .to_string()
    }
}
