//! Settings from the environment: `FERRYMQ_SECTION_KEY` is `section.key`.

use super::error::{ConfigError, closest};
use super::keys::{Key, keys};
use super::load::{Loader, shown};
use super::values::Value;

/// What Kubernetes puts into the environment for a service called `ferrymq`.
const KUBERNETES: [&str; 2] = ["FERRYMQ_PORT", "FERRYMQ_SERVICE_"];

/// Takes what the environment sets.
pub(super) fn read(loader: &mut Loader) {
    let environment = loader.environment.clone();
    for (name, value) in environment {
        if let Some(setting) = name.strip_prefix("FERRYMQ_") {
            read_own(loader, &name, setting, value);
        }
    }
}

/// A variable of a known section must name a key of it; what else begins with our name may be
/// meant for others.
fn read_own(loader: &mut Loader, name: &str, setting: &str, value: String) {
    let value = Value::Text(value);
    if let Some(key) = keys().iter().find(|key| key.variable() == name) {
        return loader.assign(key, &value, &name);
    }
    if setting == "CONFIG" || KUBERNETES.iter().any(|prefix| name.starts_with(prefix)) {
        return;
    }
    let section = setting.split('_').next().unwrap_or_default().to_lowercase();
    let inside = keys()
        .iter()
        .filter(|key| !section.is_empty() && key.section() == section);
    let inside: Vec<_> = inside.map(Key::variable).collect();
    if inside.is_empty() {
        loader.warn(format!(
            "the environment variable {name} is no setting and was ignored"
        ));
        return;
    }
    let suggestion = match closest(name, inside.iter().map(String::as_str)) {
        Some(meant) => format!(". Did you mean {meant}?"),
        None => format!(". Allowed: {}", inside.join(", ")),
    };
    loader.problem(ConfigError::UnknownKey {
        key: name.to_owned(),
        value: shown(name, &value),
        origin: "environment".to_owned(),
        suggestion,
    });
}
