//! For those who have no queue yet: how to send the first message, in the language that they use.

use askama::Template;
use percent_encoding::utf8_percent_encode;

use crate::console::client::SEGMENT;
use crate::console::visit::Visit;

/// Programs that send a message to this broker, ready to be copied. Written into a page unescaped.
#[derive(Template)]
#[template(path = "parts/first_message.html")]
pub(in crate::console) struct FirstMessage {
    /// Where the browser found the broker.
    host: String,
    port: u16,
    user: String,
    /// The vhost that was chosen, unless it is the one that clients open when they name none.
    vhost: Option<String>,
    /// Is this the page where queues are declared?
    at_queues: bool,
}

impl FirstMessage {
    /// With this visitor's address of the broker.
    pub(in crate::console) fn new(visit: &Visit) -> Self {
        Self {
            host: visit.host.clone(),
            port: visit.console.site.amqp.port(),
            user: visit.user.name().to_owned(),
            vhost: visit
                .vhost()
                .filter(|vhost| *vhost != "/")
                .map(str::to_owned),
            at_queues: visit.address.page() == "queues",
        }
    }

    /// What clients connect to.
    fn url(&self) -> String {
        let server = format!("amqp://{}:PASSWORD@{}:{}", self.user, self.host, self.port);
        match &self.vhost {
            Some(vhost) => format!("{server}/{}", utf8_percent_encode(vhost, SEGMENT)),
            None => server,
        }
    }
}
