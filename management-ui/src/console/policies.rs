//! `policies`: policies and operator policies, a form that knows what they may say, and what a policy would change before
//! it is set.

mod conflicts;
mod fields;
mod order;
mod preview;
mod selected;

use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use ferrymq_broker::policy::ApplyTo;
use serde_json::{Value, json};

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::filter;
use super::form::Submission;
use super::format;
use super::page::{self, Page, Part};
use super::shell::Shell;
use super::table::{Badge, Bulk, Cell, Column, Kind, Sheet, Table};
use super::visit::Visit;
use conflicts::Conflict;
use fields::{Group, Source};
use preview::Preview;

/// Which of the two kinds of policies.
struct Of {
    /// The value of the parameter `of`.
    name: &'static str,
    title: &'static str,
    /// Where the API has them.
    path: &'static str,
    sheet: &'static Sheet,
    /// The same for those who may not change them.
    sheet_to_read: &'static Sheet,
    nouns: &'static str,
    about: &'static str,
}

static USER: Of = Of {
    name: "",
    title: "Policies",
    path: "policies",
    sheet: &SHEET,
    sheet_to_read: &Sheet {
        bulk: &[],
        command: "list_policies",
        one: Some(|key| Call::get(&["policies", key[0], key[1]])),
        fixed: |_| false,
        columns: &[
            NAME, VHOST, PATTERN, APPLY_TO, MATCHES, DEFINITION, PRIORITY,
        ],
        ..SHEET_OF_POLICIES
    },
    nouns: SHEET_OF_POLICIES.nouns.1,
    about: "A policy gives queues and exchanges whose names match its pattern what their clients did not ask for. Of several \
            the one with the highest priority counts.",
};

static OPERATOR: Of = Of {
    name: "operator",
    title: "Operator policies",
    path: "operator-policies",
    sheet: &OPERATOR_SHEET,
    sheet_to_read: &Sheet {
        bulk: &[],
        command: "list_operator_policies",
        one: Some(|key| Call::get(&["operator-policies", key[0], key[1]])),
        fixed: |_| false,
        columns: &[
            NAME,
            VHOST,
            PATTERN,
            APPLY_TO,
            MATCHES_OF_OPERATOR,
            DEFINITION,
            PRIORITY,
        ],
        ..SHEET_OF_OPERATOR
    },
    nouns: SHEET_OF_OPERATOR.nouns.1,
    about: "Operator policies bound what policies and clients ask for: of two limits the lower one counts. Only administrators \
            set them.",
};

/// All policies.
pub(super) static SHEET: Sheet = SHEET_OF_POLICIES;
/// All operator policies.
pub(super) static OPERATOR_SHEET: Sheet = SHEET_OF_OPERATOR;

const SHEET_OF_POLICIES: Sheet = Sheet {
    id: "policies",
    path: &["policies"],
    nouns: ("policy", "policies"),
    key: &["vhost", "name"],
    bulk: &[Bulk::new("delete-policy", "Delete")],
    command: "list_policies",
    one: Some(|key| Call::get(&["policies", key[0], key[1]])),
    fixed: |_| false,
    columns: &[
        NAME, VHOST, PATTERN, APPLY_TO, MATCHES, DEFINITION, PRIORITY, ORDER, EDIT,
    ],
};
const SHEET_OF_OPERATOR: Sheet = Sheet {
    id: "operator-policies",
    path: &["operator-policies"],
    nouns: ("operator policy", "operator policies"),
    bulk: &[Bulk::new("delete-operator-policy", "Delete")],
    command: "list_operator_policies",
    one: Some(|key| Call::get(&["operator-policies", key[0], key[1]])),
    fixed: |_| false,
    columns: &[
        NAME,
        VHOST,
        PATTERN,
        APPLY_TO,
        MATCHES_OF_OPERATOR,
        DEFINITION,
        PRIORITY,
        ORDER,
        EDIT_OPERATOR,
    ],
    ..SHEET_OF_POLICIES
};

const NAME: Column = Column::usual("name", "Name", Kind::Text);
const VHOST: Column = Column::usual("vhost", "Virtual host", Kind::Text);
const PATTERN: Column = Column::usual("pattern", "Pattern", Kind::Text);
const APPLY_TO: Column = Column::usual("apply-to", "Applies to", Kind::Text);
const DEFINITION: Column = Column::usual("definition", "Asks for", Kind::Of(definition));
const PRIORITY: Column = Column::usual("priority", "Priority", Kind::Number);
const MATCHES: Column = Column::usual("matches", "Counts for", Kind::Of(matches))
    .about("The queues and exchanges to which it applies");
const MATCHES_OF_OPERATOR: Column =
    Column::usual("matches", "Counts for", Kind::Of(matches_of_operator))
        .about("The queues to which it applies");
const ORDER: Column = Column::usual("order", "Order", Kind::Of(order::buttons))
    .about("Of several that match, the upper one counts");
const EDIT: Column = Column::usual("edit", "Change", Kind::Of(edit));
const EDIT_OPERATOR: Column = Column::usual("edit", "Change", Kind::Of(edit_operator));

/// What can be done to policies.
pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "delete-policy",
        nouns: SHEET_OF_POLICIES.nouns,
        list: SHEET_OF_POLICIES.path,
        look: Some(|key| queues_with("policy", key)),
        ..action(|key| Call::delete(&["policies", key[0], key[1]]))
    },
    Action {
        name: "delete-operator-policy",
        nouns: SHEET_OF_OPERATOR.nouns,
        list: SHEET_OF_OPERATOR.path,
        look: Some(|key| queues_with("operator_policy", key)),
        ..action(|key| Call::delete(&["operator-policies", key[0], key[1]]))
    },
];

const fn action(call: fn(&[&str]) -> Call) -> Action {
    Action {
        name: "",
        verb: "Delete",
        done: "deleted",
        nouns: ("", ""),
        destroys: true,
        to_queue: None,
        list: &[],
        key: &["vhost", "name"],
        look: None,
        undo: None,
        loss: |queues| {
            let count = &queues["filtered_count"];
            format::several(&[(count, "queue goes without it", "queues go without it")])
        },
        call,
    }
}

/// The queues that a policy applies to, counted.
fn queues_with(field: &str, key: &[&str]) -> Call {
    Call::get(&["queues", key[0]])
        .with("filter", &filter::exactly(field, key[1]))
        .with("columns", "name")
        .with("page", "1")
        .with("page_size", "1")
}

/// The page.
#[derive(Template)]
#[template(path = "policies.html")]
pub(super) struct Policies {
    shell: Shell,
    of: &'static Of,
    table: Table,
    tabs: Vec<Tab>,
    form: Option<PolicyForm>,
    /// Policies that are in each other's way.
    conflicts: Vec<Conflict>,
}

/// A way to the other kind.
struct Tab {
    title: &'static str,
    to: Address,
    here: bool,
}

/// The form, and what it would do.
struct PolicyForm {
    /// The policy that is changed; empty: a new one.
    edited: String,
    is_open: bool,
    vhost: String,
    name: String,
    pattern: String,
    apply_to: String,
    priority: String,
    groups: Vec<Group>,
    preview: Option<Result<Preview, String>>,
}

impl Page for Policies {
    const NAME: &'static str = "policies";
    const PERIOD: Duration = Duration::from_secs(2);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let of = Of::asked(visit.address.get("of"));
        let may_change = of.may_be_changed(visit);
        let sheet = match may_change {
            true => of.sheet,
            false => of.sheet_to_read,
        };
        let form = match may_change && !visit.is_live {
            true => Some(PolicyForm::load(visit, of).await?),
            false => None,
        };
        let shell = Shell::new(visit, of.title);
        let conflicts = match visit.is_live {
            true => Vec::new(),
            false => conflicts::all(visit, of, &shell.vhosts).await?,
        };
        Ok(Self {
            shell,
            conflicts,
            table: sheet.load(visit).await?,
            tabs: [&USER, &OPERATOR].map(|other| other.tab(visit, of)).into(),
            of,
            form,
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

impl Of {
    /// What an address or a form asks for.
    fn asked(name: Option<&str>) -> &'static Self {
        match name {
            Some("operator") => &OPERATOR,
            _ => &USER,
        }
    }

    fn is_operator(&self) -> bool {
        self.name == OPERATOR.name
    }

    /// The parameter `operator` of the API.
    fn flag(&self) -> &'static str {
        if self.is_operator() { "true" } else { "false" }
    }

    fn may_be_changed(&self, visit: &Visit) -> bool {
        match self.is_operator() {
            true => visit.may_administer(),
            false => visit.may_make_policies(),
        }
    }

    /// The page about a vhost's policies of this kind.
    fn page(&self, vhost: Option<&str>) -> Address {
        let page = Address::new("policies");
        let page = match vhost {
            Some(vhost) => page.with("vhost", vhost),
            None => page,
        };
        match self.is_operator() {
            true => page.with("of", self.name),
            false => page,
        }
    }

    fn tab(&self, visit: &Visit, here: &Self) -> Tab {
        Tab {
            title: self.title,
            to: self.page(visit.vhost()),
            here: self.name == here.name,
        }
    }
}

impl PolicyForm {
    async fn load(visit: &Visit, of: &Of) -> Result<Self, Problem> {
        let edited = visit.address.get("edit").unwrap_or_default();
        let before = match (edited, visit.vhost()) {
            ("", _) | (_, None) => None,
            (name, Some(vhost)) => Some(visit.get(&[of.path, vhost, name]).await?),
        };
        let source = Source::new(visit, before.as_ref());
        let keys = visit.get(&["policy-keys"]).await?;
        let groups = fields::groups(&keys, of.is_operator(), &source);
        let mut form = Self {
            edited: before.as_ref().map_or(String::new(), |_| edited.to_owned()),
            is_open: source.is_given(),
            vhost: source.text("vhost"),
            name: source.text("name"),
            pattern: source.text("pattern"),
            apply_to: source.text("apply-to"),
            priority: source.text("priority"),
            groups,
            preview: None,
        };
        if form.is_open && !form.pattern.is_empty() && !form.vhost.is_empty() {
            form.preview = Some(form.previewed(visit, of).await);
        }
        Ok(form)
    }

    async fn previewed(&self, visit: &Visit, of: &Of) -> Result<Preview, String> {
        let values = self.groups.iter().flat_map(|group| &group.fields);
        let values = values.map(|field| (field.key.clone(), field.value.clone()));
        let definition = fields::definition(values);
        let definition = definition.map_err(|problem| problem.reason)?;
        let call = Call::get(&["policy-preview", &self.vhost])
            .with("name", &self.name)
            .with("pattern", &self.pattern)
            .with("apply-to", &self.apply_to)
            .with("priority", &self.priority)
            .with("definition", &definition.to_string())
            .with("operator", of.flag());
        let found = visit.call(call).await;
        let found = found.map_err(|problem| problem.reason)?;
        Ok(Preview::new(visit, of, &found))
    }

    /// What policies can apply to; operator policies ask nothing of exchanges.
    fn kinds(&self, of: &Of) -> impl Iterator<Item = &'static str> {
        let all = ApplyTo::TEXTS.iter().copied();
        let leaves_out = of.is_operator().then_some(ApplyTo::Exchanges.as_str());
        all.filter(move |kind| Some(*kind) != leaves_out)
    }
}

/// The page, and what its forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<Policies>(router)
        .route("/console/put-policy", post(put))
        .route("/console/move-policy", post(order::move_policy))
        .route("/console/policy-for", get(selected::open))
}

/// `POST /console/put-policy`
async fn put(submission: Submission) -> Response {
    let form = &submission.form;
    let of = Of::asked(form.get("of"));
    let (vhost, name) = (form.text("vhost").to_owned(), form.text("name").to_owned());
    let call = policy(&submission, of, &vhost, &name).await;
    let done = format!("{name} set in {vhost}");
    submission
        .carry_out(call, done, of.page(Some(&vhost)))
        .await
}

async fn policy(
    submission: &Submission,
    of: &Of,
    vhost: &str,
    name: &str,
) -> Result<Call, Problem> {
    let Submission { visit, form, .. } = submission;
    if name.is_empty() {
        return Err(Problem::bad_request("A policy needs a name"));
    }
    let keys = visit.get(&["policy-keys"]).await?;
    let keys = keys.as_array().into_iter().flatten();
    let values = keys.map(|key| {
        let typed = form.text(&fields::parameter(key)).to_owned();
        (key.clone(), typed)
    });
    let priority = form.get("priority").unwrap_or("0").trim().parse::<i64>();
    let priority = priority.map_err(|_| Problem::bad_request("The priority is a whole number"))?;
    Ok(Call::put(&[of.path, vhost, name]).body(json!({
        "pattern": form.text("pattern"),
        "apply-to": form.get("apply-to").unwrap_or(ApplyTo::default().as_str()),
        "priority": priority,
        "definition": fields::definition(values)?,
    })))
}

fn definition(row: &Value) -> Cell {
    let entries = row["definition"].as_object().into_iter().flatten();
    let badges = entries.map(|(key, value)| Badge::new(said(key, value), key));
    Cell::Badges(badges.collect())
}

/// `max-length: 10`
fn said(key: &str, value: &Value) -> String {
    match value {
        Value::String(text) => format!("{key}: {text}"),
        value => format!("{key}: {value}"),
    }
}

fn matches(row: &Value) -> Cell {
    counts_for(row, "policy")
}

fn matches_of_operator(row: &Value) -> Cell {
    counts_for(row, "operator_policy")
}

/// The lists of what has it in `field`.
fn counts_for(row: &Value, field: &str) -> Cell {
    let text = |field: &str| row[field].as_str().unwrap_or_default();
    let filter = filter::exactly(field, text("name"));
    let kinds: &[&str] = match (field, text("apply-to")) {
        ("policy", "all") => &["queues", "exchanges"],
        ("policy", "exchanges") => &["exchanges"],
        _ => &["queues"],
    };
    let link = |kind: &&str| {
        let list = Address::new(kind).with("vhost", text("vhost"));
        Badge::new(*kind, "Those to which it applies").to(&list.with("filter", &filter))
    };
    Cell::Badges(kinds.iter().map(link).collect())
}

fn edit(row: &Value) -> Cell {
    to_form(row, &USER)
}

fn edit_operator(row: &Value) -> Cell {
    to_form(row, &OPERATOR)
}

fn to_form(row: &Value, of: &Of) -> Cell {
    let text = |field: &str| row[field].as_str().unwrap_or_default();
    let page = of.page(Some(text("vhost")));
    Cell::link(&page.with("edit", text("name")), "Change")
}
