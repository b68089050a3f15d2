//! Every event, its routing key and its headers.

use std::sync::Arc;

use ferrymq_amqp::FieldTable;

use super::clients::{Channel, Connection, ConsumerEvent, Login};
use super::fields::Fields;
use super::objects::{
    Alarm, BindingEvent, ExchangeEvent, ParameterEvent, PermissionEvent, PolicyEvent, QueueEvent,
};

/// Something that happened. `by`: the name of who did it.
#[derive(Debug)]
#[expect(
    missing_docs,
    reason = "each is what its name says, with the fields of its routing key"
)]
pub enum Event {
    ConnectionCreated(Box<Connection>),
    ConnectionClosed(Box<Connection>),
    ChannelCreated(Channel),
    ChannelClosed(Channel),
    ConsumerCreated(Box<ConsumerEvent>),
    ConsumerDeleted(Box<ConsumerEvent>),
    QueueCreated(Box<QueueEvent>),
    QueueDeleted(Box<QueueEvent>),
    ExchangeCreated(ExchangeEvent),
    ExchangeDeleted(ExchangeEvent),
    BindingCreated(BindingEvent),
    BindingDeleted(BindingEvent),
    PolicySet(Box<PolicyEvent>),
    PolicyCleared {
        vhost: Arc<str>,
        name: String,
        by: String,
    },
    ParameterSet(Box<ParameterEvent>),
    ParameterCleared(Box<ParameterEvent>),
    VHostCreated {
        name: String,
        description: String,
        tags: Vec<String>,
        by: String,
    },
    VHostDeleted {
        name: String,
        by: String,
    },
    VHostLimitsSet {
        name: String,
        limits: FieldTable,
        by: String,
    },
    VHostLimitsCleared {
        name: String,
        by: String,
    },
    AuthenticationSucceeded(Box<Login>),
    AuthenticationFailed(Box<Login>),
    UserCreated {
        name: String,
        by: String,
    },
    UserDeleted {
        name: String,
        by: String,
    },
    UserPasswordChanged {
        name: String,
        by: String,
    },
    UserPasswordCleared {
        name: String,
        by: String,
    },
    UserTagsSet {
        name: String,
        tags: Vec<String>,
        by: String,
    },
    UserLimitsSet {
        name: String,
        limits: FieldTable,
        by: String,
    },
    UserLimitsCleared {
        name: String,
        by: String,
    },
    PermissionCreated(Box<PermissionEvent>),
    PermissionDeleted(Box<PermissionEvent>),
    TopicPermissionCreated(Box<PermissionEvent>),
    TopicPermissionDeleted(Box<PermissionEvent>),
    AlarmSet(Alarm),
    AlarmCleared(Alarm),
}

impl Event {
    /// The key that its message is published with.
    pub fn routing_key(&self) -> &'static str {
        match self {
            Self::ConnectionCreated(_) => "connection.created",
            Self::ConnectionClosed(_) => "connection.closed",
            Self::ChannelCreated(_) => "channel.created",
            Self::ChannelClosed(_) => "channel.closed",
            Self::ConsumerCreated(_) => "consumer.created",
            Self::ConsumerDeleted(_) => "consumer.deleted",
            Self::QueueCreated(_) => "queue.created",
            Self::QueueDeleted(_) => "queue.deleted",
            Self::ExchangeCreated(_) => "exchange.created",
            Self::ExchangeDeleted(_) => "exchange.deleted",
            Self::BindingCreated(_) => "binding.created",
            Self::BindingDeleted(_) => "binding.deleted",
            Self::PolicySet(_) => "policy.set",
            Self::PolicyCleared { .. } => "policy.cleared",
            Self::ParameterSet(_) => "parameter.set",
            Self::ParameterCleared(_) => "parameter.cleared",
            Self::VHostCreated { .. } => "vhost.created",
            Self::VHostDeleted { .. } => "vhost.deleted",
            Self::VHostLimitsSet { .. } => "vhost.limits.set",
            Self::VHostLimitsCleared { .. } => "vhost.limits.cleared",
            Self::AuthenticationSucceeded(_) => "user.authentication.success",
            Self::AuthenticationFailed(_) => "user.authentication.failure",
            Self::UserCreated { .. } => "user.created",
            Self::UserDeleted { .. } => "user.deleted",
            Self::UserPasswordChanged { .. } => "user.password.changed",
            Self::UserPasswordCleared { .. } => "user.password.cleared",
            Self::UserTagsSet { .. } => "user.tags.set",
            Self::UserLimitsSet { .. } => "user.limits.set",
            Self::UserLimitsCleared { .. } => "user.limits.cleared",
            Self::PermissionCreated(_) => "permission.created",
            Self::PermissionDeleted(_) => "permission.deleted",
            Self::TopicPermissionCreated(_) => "topic.permission.created",
            Self::TopicPermissionDeleted(_) => "topic.permission.deleted",
            Self::AlarmSet(_) => "alarm.set",
            Self::AlarmCleared(_) => "alarm.cleared",
        }
    }

    /// Its fields under RabbitMQ's names.
    pub fn headers(&self) -> Fields {
        let mut fields = Fields::default();
        match self {
            Self::ConnectionCreated(connection) => connection.opened(&mut fields),
            Self::ConnectionClosed(connection) => connection.closed(&mut fields),
            Self::ChannelCreated(channel) => channel.opened(&mut fields),
            Self::ChannelClosed(channel) => channel.closed(&mut fields),
            Self::ConsumerCreated(consumer) | Self::ConsumerDeleted(consumer) => {
                consumer.write(&mut fields);
            }
            Self::QueueCreated(queue) => queue.created(&mut fields),
            Self::QueueDeleted(queue) => queue.deleted(&mut fields),
            Self::ExchangeCreated(exchange) => exchange.created(&mut fields),
            Self::ExchangeDeleted(exchange) => exchange.deleted(&mut fields),
            Self::BindingCreated(binding) | Self::BindingDeleted(binding) => {
                binding.write(&mut fields);
            }
            Self::PolicySet(policy) => policy.write(&mut fields),
            Self::PolicyCleared { vhost, name, by } => {
                fields.text("name", name).text("vhost", vhost).by(by);
            }
            Self::ParameterSet(parameter) | Self::ParameterCleared(parameter) => {
                parameter.write(&mut fields);
            }
            Self::VHostCreated {
                name,
                description,
                tags,
                by,
            } => {
                fields.text("name", name).text("description", description);
                fields.texts("tags", tags).by(by);
            }
            Self::VHostLimitsSet { name, limits, by } => {
                fields
                    .values(limits)
                    .text("name", "limits")
                    .text("vhost", name)
                    .by(by);
            }
            Self::VHostLimitsCleared { name, by } => {
                fields.text("name", "limits").text("vhost", name).by(by);
            }
            Self::AuthenticationSucceeded(login) | Self::AuthenticationFailed(login) => {
                login.write(&mut fields);
            }
            Self::UserTagsSet { name, tags, by } => {
                fields.text("name", name).texts("tags", tags).by(by);
            }
            Self::UserLimitsSet { name, limits, by } => {
                fields
                    .values(limits)
                    .text("name", "limits")
                    .text("username", name)
                    .by(by);
            }
            Self::UserLimitsCleared { name, by } => {
                fields.text("name", "limits").text("username", name).by(by);
            }
            Self::VHostDeleted { name, by }
            | Self::UserCreated { name, by }
            | Self::UserDeleted { name, by }
            | Self::UserPasswordChanged { name, by }
            | Self::UserPasswordCleared { name, by } => {
                fields.text("name", name).by(by);
            }
            Self::PermissionCreated(permission)
            | Self::PermissionDeleted(permission)
            | Self::TopicPermissionCreated(permission)
            | Self::TopicPermissionDeleted(permission) => permission.write(&mut fields),
            Self::AlarmSet(alarm) | Self::AlarmCleared(alarm) => {
                fields
                    .text("source", alarm.source)
                    .text("node", &alarm.node);
            }
        }
        fields
    }
}
