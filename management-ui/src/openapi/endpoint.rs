//! A row in the table of endpoints.

/// One method of one path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoint {
    /// What is done.
    pub(super) method: Method,
    /// Where, as it stands among the routes.
    pub(super) path: &'static str,
    /// What it does, for people.
    pub(super) about: &'static str,
    /// Who may.
    pub(super) tag: Tag,
    /// Which parameters it shares with others,
    pub(super) shared: Shared,
    /// and which it has beside.
    pub(super) query: &'static [Parameter],
    /// The schema of the request's body.
    pub(super) body: Option<&'static str>,
    /// Must there be a body?
    pub(super) body_required: bool,
    /// What a good answer holds.
    pub(super) reply: Reply,
    /// Statuses of good answers, and of special refusals.
    pub(super) statuses: &'static [u16],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Put,
    Post,
    Delete,
}

/// The weakest tag that a caller must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// None, not even credentials.
    Open,
    /// Any of the management tags.
    Any,
    Policymaker,
    Monitoring,
    Administrator,
}

/// Parameters that several endpoints have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared {
    None,
    /// Which fields.
    Columns,
    /// Which fields and statistics of an object.
    Object,
    /// Which page of a list, in which order, and which fields.
    PlainList,
    /// And which statistics.
    List,
}

/// A parameter in the query string.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Flag,
    /// From this to that.
    Number(u64, u64),
    OneOf(&'static [&'static str]),
}

/// The body of a good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Nothing,
    One(&'static str),
    List(&'static str),
    /// A list, or a page of it.
    Paged(&'static str),
    Text,
    Bytes,
    Events,
}

const COLUMNS: &[Parameter] = &[text(
    "columns",
    "The fields to be shown: names with commas between, `message_stats.publish`",
)];
const STATISTICS: &[Parameter] = &[
    flag("disable_stats", "Leaves statistics out"),
    number(
        "lengths_age",
        0,
        1_000_000,
        "Samples of lengths: so many seconds back",
    ),
    number("lengths_incr", 1, 1_000_000, "In steps of so many"),
    number(
        "msg_rates_age",
        0,
        1_000_000,
        "The same for `message_stats`",
    ),
    number("msg_rates_incr", 1, 1_000_000, "In steps of so many"),
    number(
        "data_rates_age",
        0,
        1_000_000,
        "The same for bytes sent and received",
    ),
    number("data_rates_incr", 1, 1_000_000, "In steps of so many"),
    number(
        "node_stats_age",
        0,
        1_000_000,
        "The same for a node's resources",
    ),
    number("node_stats_incr", 1, 1_000_000, "In steps of so many"),
];
const PAGING: &[Parameter] = &[
    number(
        "page",
        1,
        1_000_000,
        "Which page, from 1; without it everything comes as an array",
    ),
    number(
        "page_size",
        1,
        500,
        "Objects on a page, 100 if nothing is said",
    ),
    text("name", "With a page: only objects whose name holds this"),
    flag("use_regex", "`name` is a regular expression"),
    flag("pagination", "Means nothing; clients send it"),
    text(
        "filter",
        "Only objects that pass: `orders -consumers:0 messages:>1000`",
    ),
    text("sort", "The field to sort by"),
    flag("sort_reverse", "The other way round"),
];

pub(super) const fn text(name: &'static str, about: &'static str) -> Parameter {
    let kind = Kind::Text;
    Parameter { name, kind, about }
}

pub(super) const fn flag(name: &'static str, about: &'static str) -> Parameter {
    let kind = Kind::Flag;
    Parameter { name, kind, about }
}

pub(super) const fn number(
    name: &'static str,
    least: u64,
    most: u64,
    about: &'static str,
) -> Parameter {
    let kind = Kind::Number(least, most);
    Parameter { name, kind, about }
}

pub(super) const fn one_of(
    name: &'static str,
    values: &'static [&'static str],
    about: &'static str,
) -> Parameter {
    let kind = Kind::OneOf(values);
    Parameter { name, kind, about }
}

pub(super) const fn get(path: &'static str, reply: Reply, about: &'static str) -> Endpoint {
    let shared = match reply {
        Reply::Paged(_) => Shared::List,
        _ => Shared::None,
    };
    Endpoint {
        reply,
        shared,
        ..new(Method::Get, path, &[200], about)
    }
}

pub(super) const fn put(path: &'static str, body: &'static str, about: &'static str) -> Endpoint {
    Endpoint {
        body: Some(body),
        ..new(Method::Put, path, &[201, 204], about)
    }
}

pub(super) const fn post(path: &'static str, body: &'static str, about: &'static str) -> Endpoint {
    Endpoint {
        body: Some(body),
        ..new(Method::Post, path, &[204], about)
    }
}

/// `PUT` without a body.
pub(super) const fn put_nothing(path: &'static str, about: &'static str) -> Endpoint {
    new(Method::Put, path, &[204], about)
}

/// `POST` without a body.
pub(super) const fn post_nothing(path: &'static str, about: &'static str) -> Endpoint {
    new(Method::Post, path, &[204], about)
}

pub(super) const fn delete(path: &'static str, about: &'static str) -> Endpoint {
    new(Method::Delete, path, &[204], about)
}

const fn new(
    method: Method,
    path: &'static str,
    statuses: &'static [u16],
    about: &'static str,
) -> Endpoint {
    Endpoint {
        method,
        path,
        about,
        tag: Tag::Any,
        shared: Shared::None,
        query: &[],
        body: None,
        body_required: false,
        reply: Reply::Nothing,
        statuses,
    }
}

impl Endpoint {
    pub(super) const fn tag(self, tag: Tag) -> Self {
        Self { tag, ..self }
    }

    pub(super) const fn shared(self, shared: Shared) -> Self {
        Self { shared, ..self }
    }

    pub(super) const fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    pub(super) const fn reply(self, reply: Reply) -> Self {
        Self { reply, ..self }
    }

    pub(super) const fn statuses(self, statuses: &'static [u16]) -> Self {
        Self { statuses, ..self }
    }

    /// Without a body it is refused.
    pub(super) const fn body_required(self) -> Self {
        Self {
            body_required: true,
            ..self
        }
    }

    /// The names in its path, in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        let segments = self.path.split('/');
        segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// All parameters in its query string.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static Parameter> {
        let sets: [&'static [Parameter]; 3] = match self.shared {
            Shared::None => [&[], &[], &[]],
            Shared::Columns => [&[], COLUMNS, &[]],
            Shared::Object => [&[], COLUMNS, STATISTICS],
            Shared::PlainList => [PAGING, COLUMNS, &[]],
            Shared::List => [PAGING, COLUMNS, STATISTICS],
        };
        self.query.iter().chain(sets.into_iter().flatten())
    }

    /// What it is about: the first word of its path.
    pub(super) fn group(&self) -> &'static str {
        self.path.split('/').nth(2).unwrap_or_default()
    }

    /// A name of its own, for generated clients.
    pub(super) fn id(&self) -> String {
        let words = self.path.trim_start_matches("/api/").split(['/', '-', '.']);
        let words = words.map(|word| word.trim_matches(['{', '}']));
        let words: Vec<_> = words.collect();
        format!("{}_{}", self.method.as_str(), words.join("_"))
    }

    /// Statuses of refusals that it has by what it is.
    pub(super) fn refusals(&self) -> impl Iterator<Item = u16> {
        let has_names = self.names().next().is_some();
        let changes = self.method != Method::Get;
        let asks = has_names || self.parameters().next().is_some() || self.body.is_some();
        let statuses = [
            (400, asks),
            (401, self.tag != Tag::Open),
            (404, has_names || self.body.is_some()),
            (503, changes),
        ];
        statuses
            .into_iter()
            .filter_map(|(status, has)| has.then_some(status))
    }
}

impl Tag {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "none",
            Self::Any => "any",
            Self::Policymaker => "policymaker",
            Self::Monitoring => "monitoring",
            Self::Administrator => "administrator",
        }
    }
}
