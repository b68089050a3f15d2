//! Policies, parameters, definitions.

use ferrymq_broker::policy::ApplyTo;

use crate::openapi::endpoint::{
    Endpoint, Parameter, Reply, Shared, Tag, delete, flag, get, one_of, post, put, text,
};

const DOWNLOAD: &[Parameter] = &[text(
    "download",
    "The name of the file that a browser keeps it as",
)];
const DRY_RUN: &[Parameter] = &[flag(
    "dry_run",
    "Tells what would change, and changes nothing",
)];
const PREVIEW: &[Parameter] = &[
    text("pattern", "As a policy has it"),
    one_of("apply-to", ApplyTo::TEXTS, "The same"),
    text("priority", "The same"),
    text(
        "definition",
        "The same, in JSON; without it the policy asks for nothing",
    ),
    text("name", "The policy that it would replace"),
    flag("operator", "It is a policy of the operator"),
];
const CONFLICTS: &[Parameter] = &[flag("operator", "Those of the operator's policies")];
/// A dry run answers; a form may name a page to go to.
const IMPORTED: &[u16] = &[200, 204, 303];

pub(super) const ENDPOINTS: &[Endpoint] = &[
    get("/api/policies", Reply::Paged("Policy"), "All policies").shared(Shared::PlainList),
    get(
        "/api/policies/{vhost}",
        Reply::Paged("Policy"),
        "The policies of a virtual host",
    )
    .shared(Shared::PlainList),
    get(
        "/api/policies/{vhost}/{name}",
        Reply::One("Policy"),
        "A policy",
    )
    .tag(Tag::Policymaker)
    .shared(Shared::Columns),
    put(
        "/api/policies/{vhost}/{name}",
        "PolicyDeclaration",
        "Sets a policy",
    )
    .tag(Tag::Policymaker)
    .body_required(),
    delete("/api/policies/{vhost}/{name}", "Deletes a policy").tag(Tag::Policymaker),
    get(
        "/api/policy-keys",
        Reply::List("PolicyKey"),
        "What a policy's definition may hold",
    ),
    get(
        "/api/policy-preview/{vhost}",
        Reply::One("PolicyPreview"),
        "What a policy would change, before it is set",
    )
    .tag(Tag::Policymaker)
    .query(PREVIEW),
    get(
        "/api/policy-conflicts/{vhost}",
        Reply::One("PolicyConflicts"),
        "Policies that match the same with the same priority, and what operator policies override",
    )
    .query(CONFLICTS),
    get(
        "/api/operator-policies",
        Reply::Paged("Policy"),
        "All policies of the operator",
    )
    .shared(Shared::PlainList),
    get(
        "/api/operator-policies/{vhost}",
        Reply::Paged("Policy"),
        "Those of a virtual host",
    )
    .shared(Shared::PlainList),
    get(
        "/api/operator-policies/{vhost}/{name}",
        Reply::One("Policy"),
        "One of them",
    )
    .tag(Tag::Administrator)
    .shared(Shared::Columns),
    put(
        "/api/operator-policies/{vhost}/{name}",
        "PolicyDeclaration",
        "Sets a policy of the operator",
    )
    .tag(Tag::Administrator)
    .body_required()
    .statuses(&[201, 204, 415]),
    delete("/api/operator-policies/{vhost}/{name}", "Deletes one").tag(Tag::Administrator),
    get(
        "/api/parameters",
        Reply::Paged("Parameter"),
        "All parameters",
    )
    .tag(Tag::Policymaker)
    .shared(Shared::PlainList),
    get(
        "/api/parameters/{component}",
        Reply::Paged("Parameter"),
        "The parameters of a component",
    )
    .tag(Tag::Policymaker)
    .shared(Shared::PlainList),
    get(
        "/api/parameters/{component}/{vhost}",
        Reply::Paged("Parameter"),
        "The same in a virtual host",
    )
    .tag(Tag::Policymaker)
    .shared(Shared::PlainList),
    get(
        "/api/parameters/{component}/{vhost}/{name}",
        Reply::One("Parameter"),
        "A parameter",
    )
    .tag(Tag::Policymaker)
    .shared(Shared::Columns),
    put(
        "/api/parameters/{component}/{vhost}/{name}",
        "ParameterDeclaration",
        "Sets a parameter",
    )
    .tag(Tag::Policymaker)
    .body_required(),
    delete(
        "/api/parameters/{component}/{vhost}/{name}",
        "Deletes a parameter",
    )
    .tag(Tag::Policymaker),
    get(
        "/api/global-parameters",
        Reply::Paged("Parameter"),
        "Parameters of the whole broker",
    )
    .tag(Tag::Policymaker)
    .shared(Shared::PlainList),
    get(
        "/api/global-parameters/{name}",
        Reply::One("Parameter"),
        "One of them",
    )
    .tag(Tag::Policymaker)
    .shared(Shared::Columns),
    put(
        "/api/global-parameters/{name}",
        "ParameterDeclaration",
        "Sets one",
    )
    .tag(Tag::Policymaker)
    .body_required(),
    delete("/api/global-parameters/{name}", "Deletes one").tag(Tag::Policymaker),
    get(
        "/api/definitions",
        Reply::One("Definitions"),
        "Everything but messages, as a document",
    )
    .tag(Tag::Administrator)
    .query(DOWNLOAD),
    post(
        "/api/definitions",
        "Definitions",
        "Takes a document in, as a whole or not at all",
    )
    .tag(Tag::Administrator)
    .body_required()
    .query(DRY_RUN)
    .statuses(IMPORTED)
    .reply(Reply::One("Any")),
    get(
        "/api/definitions/{vhost}",
        Reply::One("Definitions"),
        "What is in a virtual host, as a document",
    )
    .tag(Tag::Administrator)
    .query(DOWNLOAD),
    post(
        "/api/definitions/{vhost}",
        "Definitions",
        "Takes a document into a virtual host",
    )
    .tag(Tag::Administrator)
    .body_required()
    .query(DRY_RUN)
    .statuses(IMPORTED)
    .reply(Reply::One("Any")),
    get(
        "/api/all-configuration",
        Reply::One("Definitions"),
        "As `/api/definitions`",
    )
    .tag(Tag::Administrator)
    .query(DOWNLOAD),
    post(
        "/api/all-configuration",
        "Definitions",
        "As `/api/definitions`",
    )
    .tag(Tag::Administrator)
    .body_required()
    .query(DRY_RUN)
    .statuses(IMPORTED)
    .reply(Reply::One("Any")),
];
