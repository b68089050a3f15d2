//! `permissions`: users by virtual hosts, and what each may do in each. So many of both are shown at once; each cell leads to
//! the form that changes it.

use askama::Template;
use axum::http::StatusCode;
use serde_json::Value;

use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::copy_as::CopyAs;
use crate::console::page::Page;
use crate::console::shell::Shell;
use crate::console::users;
use crate::console::visit::Visit;

/// Users that are shown at once, and virtual hosts.
const ROWS: &str = "25";
const COLUMNS: &str = "8";
/// Which of them: parameters of the address.
const ROW_PAGE: &str = "page";
const COLUMN_PAGE: &str = "vhosts";
/// What a pattern is for, and the letter that stands for it where there is little room.
const KINDS: [(&str, &str); 3] = [("configure", "C"), ("write", "W"), ("read", "R")];

/// The page.
#[derive(Template)]
#[template(path = "permissions_matrix.html")]
pub(in crate::console) struct Matrix {
    shell: Shell,
    copy_as: CopyAs,
    filter: String,
    /// Why there are no rows, when the filter is at fault.
    problem: Option<String>,
    vhosts: Slice,
    users: Slice,
    rows: Vec<Row>,
}

/// Some of many names.
#[derive(Default)]
struct Slice {
    names: Vec<String>,
    /// From 1.
    page: u64,
    pages: u64,
    total: u64,
    before: Option<Address>,
    after: Option<Address>,
}

/// A user.
struct Row {
    name: String,
    to: Address,
    /// One for each virtual host.
    cells: Vec<Cell>,
}

/// What a user may do in a virtual host.
struct Cell {
    vhost: String,
    /// Where it is changed.
    to: String,
    /// What is allowed, for a glance; empty: the virtual host is closed to the user.
    patterns: Vec<(&'static str, String)>,
    /// The same in words.
    about: String,
}

impl Page for Matrix {
    const NAME: &'static str = "permissions";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let vhosts = columns(visit).await?;
        let (users, problem) = match rows(visit).await {
            Err(problem) if problem.status == StatusCode::BAD_REQUEST => {
                (Slice::default(), Some(problem.reason))
            }
            users => (users?, None),
        };
        let mut rows = Vec::new();
        for user in &users.names {
            let given = visit.get(&["users", user, "permissions"]).await?;
            rows.push(Row::new(user, &vhosts.names, &given));
        }
        let call = Call::get(&["permissions"]);
        Ok(Self {
            shell: Shell::new(visit, "Permissions"),
            copy_as: CopyAs::new(visit, &call, visit.vhost(), &["list_permissions"]),
            filter: visit.address.get("filter").unwrap_or_default().to_owned(),
            problem,
            vhosts,
            users,
            rows,
        })
    }
}

impl Matrix {
    fn without_filter(&self) -> Address {
        self.shell.address.without(&["filter", ROW_PAGE])
    }

    /// What there may be more of, and what it is called.
    fn slices(&self) -> [(&Slice, &'static str); 2] {
        [(&self.users, "users"), (&self.vhosts, "virtual hosts")]
    }
}

/// The virtual hosts: the one that the page is about, or some of all.
async fn columns(visit: &Visit) -> Result<Slice, Problem> {
    if let Some(name) = visit.vhost() {
        return Ok(Slice {
            names: vec![name.to_owned()],
            ..Slice::default()
        });
    }
    let list = Call::get(&["vhosts"]).with("disable_stats", "true");
    Slice::load(visit, list.with("page_size", COLUMNS), COLUMN_PAGE).await
}

/// The users: some of those who match the filter.
async fn rows(visit: &Visit) -> Result<Slice, Problem> {
    let list = Call::get(&["users"]).with("page_size", ROWS);
    let list = match visit.address.get("filter") {
        Some(filter) => list.with("filter", filter),
        None => list,
    };
    Slice::load(visit, list, ROW_PAGE).await
}

impl Slice {
    /// The names of a list of the API; the parameter `parameter` says which page of it.
    async fn load(visit: &Visit, list: Call, parameter: &str) -> Result<Self, Problem> {
        let address = &visit.address;
        let page = address.get(parameter).unwrap_or("1");
        let list = list.with("page", page).with("columns", "name");
        let found = visit.call(list).await?;
        let number = |name: &str| found[name].as_u64().unwrap_or_default();
        let (page, pages) = (number("page"), number("page_count"));
        let to = |page: u64| address.with(parameter, &page.to_string());
        let items = found["items"].as_array().into_iter().flatten();
        let names = items.filter_map(|row| row["name"].as_str());
        Ok(Self {
            names: names.map(str::to_owned).collect(),
            total: number("filtered_count"),
            before: (page > 1).then(|| to(page - 1)),
            after: (page < pages).then(|| to(page + 1)),
            page,
            pages,
        })
    }
}

impl Row {
    fn new(user: &str, vhosts: &[String], given: &Value) -> Self {
        let given = given.as_array().map_or(&[][..], Vec::as_slice);
        let cell = |vhost: &String| {
            let found = given.iter().find(|row| row["vhost"] == vhost.as_str());
            Cell::new(user, vhost, found)
        };
        Self {
            name: user.to_owned(),
            to: users::of_user(user),
            cells: vhosts.iter().map(cell).collect(),
        }
    }
}

impl Cell {
    fn new(user: &str, vhost: &str, given: Option<&Value>) -> Self {
        let form = users::of_user(user).with("edit", "permission");
        let patterns = given.map(|given| {
            KINDS.map(|(field, letter)| (field, letter, given[field].as_str().unwrap_or_default()))
        });
        let about = patterns.map_or("Closed to the user".to_owned(), |patterns| {
            let words = patterns.map(|(field, _, pattern)| format!("{field}: {}", spoken(pattern)));
            words.join(", ")
        });
        Self {
            vhost: vhost.to_owned(),
            to: format!("{}#set-permission", form.with("vhost", vhost)),
            patterns: patterns.map_or_else(Vec::new, glance),
            about,
        }
    }
}

/// The patterns, or the one that all of them are.
fn glance(patterns: [(&str, &'static str, &str); 3]) -> Vec<(&'static str, String)> {
    let [(.., first), others @ ..] = patterns;
    if others.iter().all(|(.., pattern)| *pattern == first) {
        return vec![("", spoken(first).to_owned())];
    }
    let each = patterns.map(|(_, letter, pattern)| (letter, spoken(pattern).to_owned()));
    each.into()
}

fn spoken(pattern: &str) -> &str {
    match pattern {
        "" => "nothing",
        ".*" => "everything",
        pattern => pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patterns: [&str; 3], expected: &[(&str, &str)]) {
        let [configure, write, read] = patterns;
        let given = [("", "C", configure), ("", "W", write), ("", "R", read)];
        let shown = glance(given);
        let shown: Vec<_> = shown.iter().map(|(kind, text)| (*kind, &**text)).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_is_the_same_is_said_once() {
        check([".*"; 3], &[("", "everything")]);
        check([""; 3], &[("", "nothing")]);
        check(["^a"; 3], &[("", "^a")]);
        let each = [("C", "nothing"), ("W", "^a"), ("R", "everything")];
        check(["", "^a", ".*"], &each);
    }
}
