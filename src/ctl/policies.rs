//! Policies and operator policies.

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, from, json, same};
use super::path::path;
use super::values;

const POLICIES: Columns = Columns {
    all: &[
        same("vhost"),
        same("name"),
        same("pattern"),
        from("apply-to", "apply-to"),
        json("definition", "definition"),
        same("priority"),
    ],
    default: 6,
};

/// A policy that is to be.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Policy {
    name: String,
    /// Regular expression: names of queues and exchanges that it applies to
    pattern: String,
    /// What it asks for, as JSON: '{"max-length": 1000}'
    definition: String,
    /// Of several that match the highest counts
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    priority: i64,
    /// all, queues, classic_queues, quorum_queues, streams or exchanges
    #[arg(long, default_value = "all")]
    apply_to: String,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// List policies of a vhost
    ListPolicies,
    /// Set a policy
    SetPolicy(Policy),
    /// Delete a policy
    ClearPolicy { name: String },
    /// List operator policies of a vhost
    ListOperatorPolicies,
    /// Set an operator policy, which caps what others may ask for
    SetOperatorPolicy(Policy),
    /// Delete an operator policy
    ClearOperatorPolicy { name: String },
    /// List the policies that match a queue, or with --object-type exchange an exchange
    ListPoliciesThatMatch {
        name: String,
        #[arg(long = "object-type", default_value = "queue", value_parser = ["queue", "exchange"])]
        object_type: String,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        let vhost = context.vhost();
        match self {
            Self::ListPolicies => {
                let banner = format_args!("Listing policies for vhost \"{vhost}\" ...");
                context.out.banner(banner)?;
                POLICIES.print(context, path(&["policies", &vhost]), &[])
            }
            Self::ListOperatorPolicies => {
                let banner =
                    format_args!("Listing operator policy overrides for vhost \"{vhost}\" ...");
                context.out.banner(banner)?;
                POLICIES.print(context, path(&["operator-policies", &vhost]), &[])
            }
            Self::SetPolicy(policy) => set(context, "policies", "policy", &policy),
            Self::SetOperatorPolicy(policy) => {
                let what = "operator policy override";
                set(context, "operator-policies", what, &policy)
            }
            Self::ClearPolicy { name } => clear(context, "policies", "policy", &name),
            Self::ClearOperatorPolicy { name } => {
                let what = "operator policy override";
                clear(context, "operator-policies", what, &name)
            }
            Self::ListPoliciesThatMatch { name, object_type } => {
                let banner = format_args!(
                    "Listing policies that match {object_type} '{name}' in vhost '{vhost}' ..."
                );
                context.out.banner(banner)?;
                list_matching(context, &name, &object_type)
            }
        }
    }
}

fn set(context: &mut Context, list: &str, what: &str, policy: &Policy) -> Result<(), Error> {
    let vhost = context.vhost();
    let Policy {
        name,
        pattern,
        definition,
        priority,
        apply_to,
    } = policy;
    let banner = format_args!(
        "Setting {what} \"{name}\" for pattern \"{pattern}\" to \"{definition}\" with priority \
         \"{priority}\" for vhost \"{vhost}\" ..."
    );
    context.out.banner(banner)?;
    let body = json!({
        "pattern": pattern,
        "definition": values::document(definition, "the definition")?,
        "priority": priority,
        "apply-to": apply_to,
    });
    let set = context.client.put(&path(&[list, &vhost, name]), &body);
    context.in_vhost(set).map(drop)
}

fn clear(context: &mut Context, list: &str, what: &str, name: &str) -> Result<(), Error> {
    let vhost = context.vhost();
    let banner = format_args!("Clearing {what} \"{name}\" on vhost \"{vhost}\" ...");
    context.out.banner(banner)?;
    let cleared = context.client.delete(&path(&[list, &vhost, name]));
    context.of(cleared, format_args!("{what} '{name}'"))
}

/// The policy that applies to an object, and the operator policy.
fn list_matching(context: &mut Context, name: &str, object_type: &str) -> Result<(), Error> {
    let vhost = context.vhost();
    let list = format!("{object_type}s");
    let object = context.client.get(&path(&[&list, &vhost, name]));
    let object = context.of(object, format_args!("{object_type} '{name}'"))?;
    let mut rows = Vec::new();
    for (list, field) in [
        ("policies", "policy"),
        ("operator-policies", "operator_policy"),
    ] {
        if let Some(policy) = object[field].as_str() {
            rows.push(context.client.get(&path(&[list, &vhost, policy]))?);
        }
    }
    POLICIES.print_rows(context, &rows.into(), &[])
}
