//! What administrators do, as lines of the log, in the words that people search for.

use super::{Event, ParameterEvent, PermissionEvent, PolicyEvent};

/// Logs `event`, if it is something that an administrator did.
pub(super) fn write(event: &Event) {
    if let Some((line, by)) = line(event) {
        tracing::info!(user = by, "{line} (by '{by}')");
    }
}

/// The line, and who did it.
fn line(event: &Event) -> Option<(String, &str)> {
    let (line, by) = match event {
        Event::UserCreated { name, by } => (format!("Created user '{name}'"), by),
        Event::UserDeleted { name, by } => (format!("Deleted user '{name}'"), by),
        Event::UserPasswordChanged { name, by } => (
            format!("Successfully changed password for user '{name}'"),
            by,
        ),
        Event::UserPasswordCleared { name, by } => (
            format!("Successfully cleared password for user '{name}'"),
            by,
        ),
        Event::UserTagsSet { name, tags, by } => (
            format!("Successfully set user tags for user '{name}' to {tags:?}"),
            by,
        ),
        Event::UserLimitsSet { name, by, .. } => (
            format!("Successfully set user limits for user '{name}'"),
            by,
        ),
        Event::UserLimitsCleared { name, by } => (
            format!("Successfully cleared user limits for user '{name}'"),
            by,
        ),
        Event::PermissionCreated(event) => (permissions("set permissions for", event), &event.by),
        Event::PermissionDeleted(event) => {
            (permissions("cleared permissions for", event), &event.by)
        }
        Event::TopicPermissionCreated(event) => {
            (permissions("set topic permissions for", event), &event.by)
        }
        Event::TopicPermissionDeleted(event) => (
            permissions("cleared topic permissions for", event),
            &event.by,
        ),
        Event::VHostCreated { name, by, .. } => (format!("Adding vhost '{name}'"), by),
        Event::VHostDeleted { name, by } => (format!("Deleting vhost '{name}'"), by),
        Event::VHostLimitsSet { name, by, .. } => {
            (format!("Successfully set limits of vhost '{name}'"), by)
        }
        Event::VHostLimitsCleared { name, by } => {
            (format!("Successfully cleared limits of vhost '{name}'"), by)
        }
        Event::PolicySet(event) => (policy(event), &event.by),
        Event::PolicyCleared { vhost, name, by } => (
            format!("Successfully cleared policy '{name}' in virtual host '{vhost}'"),
            by,
        ),
        Event::ParameterSet(event) => (parameter("set", event), &event.by),
        Event::ParameterCleared(event) => (parameter("cleared", event), &event.by),
        _ => return None,
    };
    Some((line, by))
}

fn permissions(what: &str, event: &PermissionEvent) -> String {
    let PermissionEvent {
        user,
        vhost,
        exchange,
        configure,
        write,
        read,
        ..
    } = event;
    let mut line = format!("Successfully {what} user '{user}' in virtual host '{vhost}'");
    if let Some(exchange) = exchange {
        line += &format!(" for exchange '{exchange}'");
    }
    let patterns = [configure, write, read].into_iter().flatten();
    let patterns: Vec<_> = patterns.map(|pattern| format!("'{pattern}'")).collect();
    match patterns.is_empty() {
        true => line,
        false => format!("{line} to {}", patterns.join(", ")),
    }
}

fn policy(event: &PolicyEvent) -> String {
    format!(
        "Successfully set policy '{}' matching '{}' of {} in virtual host '{}'",
        event.name, event.pattern, event.apply_to, event.vhost,
    )
}

fn parameter(what: &str, event: &ParameterEvent) -> String {
    let ParameterEvent {
        component, name, ..
    } = event;
    match &event.vhost {
        Some(vhost) => format!(
            "Successfully {what} parameter '{name}' of component '{component}' in virtual host '{vhost}'"
        ),
        None => format!("Successfully {what} global parameter '{name}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_words_that_people_search_for() {
        let check = |event: Event, expected: Option<&str>| {
            let line = line(&event).map(|(line, by)| {
                assert_eq!(by, "admin");
                line
            });
            assert_eq!(line.as_deref(), expected);
        };
        let (name, by) = (|| "app".to_owned(), || "admin".to_owned());
        check(
            Event::UserCreated {
                name: name(),
                by: by(),
            },
            Some("Created user 'app'"),
        );
        check(
            Event::VHostDeleted {
                name: name(),
                by: by(),
            },
            Some("Deleting vhost 'app'"),
        );
        let given = PermissionEvent {
            configure: Some("^a".into()),
            write: Some(".*".into()),
            read: Some("".into()),
            ..PermissionEvent::new("app", "/", "admin")
        };
        check(
            Event::PermissionCreated(Box::new(given)),
            Some(
                "Successfully set permissions for user 'app' in virtual host '/' to '^a', '.*', ''",
            ),
        );
        check(
            Event::PermissionDeleted(Box::new(PermissionEvent::new("app", "/", "admin"))),
            Some("Successfully cleared permissions for user 'app' in virtual host '/'"),
        );
    }
}
