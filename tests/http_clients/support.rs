//! A broker, and a client of its HTTP API.

use ferrymq_tests::harness::{Broker, Options};
use rabbitmq_http_client::api::Client;

/// Logs in as the default user.
pub(crate) type Guest = Client<String, &'static str, &'static str>;

/// A broker with default settings that calls its node `ferry@test`.
pub(crate) fn broker() -> Broker {
    Options::default()
        .configuration("[node]\nname = \"ferry@test\"\n")
        .start()
}

/// A client of `broker`.
pub(crate) fn client(broker: &Broker) -> Guest {
    let endpoint = format!("http://{}/api", broker.http());
    Client::new(endpoint, "guest", "guest")
}
