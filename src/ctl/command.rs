//! The tree of all commands: one list per noun.

use clap::Subcommand;

use super::context::Context;
use super::error::Error;
use super::{
    bindings, browse, checks, connections, definitions, delayed, events, exchanges, features, jobs,
    limits, messages, node, parameters, permissions, policies, queues, settings, status, top,
    unsupported, users, vhosts,
};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum Command {
    #[command(flatten)]
    Users(users::Command),
    #[command(flatten)]
    Permissions(permissions::Command),
    #[command(flatten)]
    VHosts(vhosts::Command),
    #[command(flatten)]
    Queues(queues::Command),
    #[command(flatten)]
    Exchanges(exchanges::Command),
    #[command(flatten)]
    Bindings(bindings::Command),
    #[command(flatten)]
    Messages(messages::Command),
    #[command(flatten)]
    Browse(browse::Command),
    #[command(flatten)]
    Jobs(jobs::Command),
    #[command(flatten)]
    Delayed(delayed::Command),
    #[command(flatten)]
    Events(events::Command),
    #[command(flatten)]
    Connections(connections::Command),
    #[command(flatten)]
    Policies(policies::Command),
    #[command(flatten)]
    Parameters(parameters::Command),
    #[command(flatten)]
    Limits(limits::Command),
    #[command(flatten)]
    Definitions(definitions::Command),
    #[command(flatten)]
    Status(status::Command),
    #[command(flatten)]
    Top(top::Command),
    #[command(flatten)]
    Checks(checks::Command),
    #[command(flatten)]
    Node(node::Command),
    #[command(flatten)]
    Settings(settings::Command),
    #[command(flatten)]
    Features(features::Command),
    #[command(flatten)]
    Unsupported(unsupported::Command),
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::Users(command) => command.run(context),
            Self::Permissions(command) => command.run(context),
            Self::VHosts(command) => command.run(context),
            Self::Queues(command) => command.run(context),
            Self::Exchanges(command) => command.run(context),
            Self::Bindings(command) => command.run(context),
            Self::Messages(command) => command.run(context),
            Self::Browse(command) => command.run(context),
            Self::Jobs(command) => command.run(context),
            Self::Delayed(command) => command.run(context),
            Self::Events(command) => command.run(context),
            Self::Connections(command) => command.run(context),
            Self::Policies(command) => command.run(context),
            Self::Parameters(command) => command.run(context),
            Self::Limits(command) => command.run(context),
            Self::Definitions(command) => command.run(context),
            Self::Status(command) => command.run(context),
            Self::Top(command) => command.run(context),
            Self::Checks(command) => command.run(context),
            Self::Node(command) => command.run(context),
            Self::Settings(command) => command.run(context),
            Self::Features(command) => command.run(context),
            Self::Unsupported(command) => command.run(),
        }
    }
}
