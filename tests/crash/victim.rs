//! The broker that is killed.

use std::time::Duration;

use ferrymq_tests::Broker;
use lapin::{Connection, ConnectionProperties};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Victim {
    address: String,
    broker: Option<Broker>,
}

impl Victim {
    pub(crate) fn start() -> Self {
        if let Ok(address) = std::env::var("FERRYMQ_TEST_AMQP") {
            return Self {
                address,
                broker: None,
            };
        }
        let broker = Broker::start();
        Self {
            address: broker.amqp().to_string(),
            broker: Some(broker),
        }
    }

    pub(crate) async fn connect(&self) -> Connection {
        let uri = format!("amqp://guest:guest@{}/%2f", self.address);
        let connection = within(Connection::connect(&uri, ConnectionProperties::default())).await;
        connection.expect("connect as guest to '/'")
    }

    /// Kills the broker and starts it again.
    pub(crate) fn kill(&mut self) {
        if let Some(broker) = &mut self.broker {
            tokio::task::block_in_place(|| {
                broker.kill();
                broker.start_again();
            });
            self.address = broker.amqp().to_string();
        }
    }

    pub(crate) fn log(&self) -> String {
        self.broker.as_ref().map(Broker::log).unwrap_or_default()
    }
}

/// Awaits `future`, but not for ever.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("an answer within the deadline")
}
