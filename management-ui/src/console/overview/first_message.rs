//! For those who have no queue yet: how to send the first message, in the language that they use.

use askama::Template;

use crate::console::visit::Visit;

/// Programs that send a message to this broker, ready to be copied. Written into a page unescaped.
#[derive(Template)]
#[template(path = "parts/first_message.html")]
pub(in crate::console) struct FirstMessage {
    /// Where the browser found the broker.
    host: String,
    port: u16,
    user: String,
}

impl FirstMessage {
    /// With this visitor's address of the broker.
    pub(in crate::console) fn new(visit: &Visit) -> Self {
        Self {
            host: visit.host.clone(),
            port: visit.console.site.amqp.port(),
            user: visit.user.name().to_owned(),
        }
    }

    /// What clients connect to.
    fn url(&self) -> String {
        format!("amqp://{}:PASSWORD@{}:{}", self.user, self.host, self.port)
    }
}
