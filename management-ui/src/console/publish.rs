//! Publishing by hand. The form (`parts/publish.html`) stands on the pages of queues and of exchanges; what it says
//! becomes batches of the API.

use std::time::Duration;

use axum::response::Response;
use ferrymq_broker::auth::{Permission, ResourceKind};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep_until};

use super::address::Address;
use super::client::{Call, Problem};
use super::form::{Form, Submission};
use super::format;
use super::queues::{Argument, argument};
use super::visit::Visit;

/// The form's name.
const FORM: &str = "publish";

/// Messages of one form, and of one batch.
const MAX_REPEAT: u64 = 100_000;
const MAX_BATCH: u64 = 1_000;
/// A batch is a request, whose body has a limit.
const MAX_BATCH_BYTES: u64 = 1 << 20;

/// With a rate a form takes its time, but no longer,
const MAX_TIME: Duration = Duration::from_secs(30);
/// and publishes so often in a second.
const BATCHES_PER_SECOND: u64 = 10;

/// Properties that are text: their fields have the same names.
const TEXTS: [&str; 9] = [
    "content_type",
    "content_encoding",
    "correlation_id",
    "reply_to",
    "message_id",
    "type",
    "app_id",
    "user_id",
    "expiration",
];
/// Properties that are numbers.
const NUMBERS: [&str; 3] = ["delivery_mode", "priority", "timestamp"];

/// Headers that mean something to the broker.
const HEADERS: &[Argument] = &[
    argument("CC", "list", "More routing keys"),
    argument("BCC", "list", "More routing keys, which nobody sees"),
    argument("x-delay", "number", "Milliseconds until it is ready"),
    argument("x-deduplication-header", "string", "Published once"),
];

/// Where a form publishes to. Pages include `parts/publish.html` and call this `publishing` there.
pub(super) struct Publishing {
    pub(super) vhost: String,
    /// The default one has no name. `None`: it is typed.
    pub(super) exchange: Option<String>,
    /// `None`: it is typed.
    pub(super) routing_key: Option<String>,
    pub(super) headers: &'static [Argument],
}

impl Publishing {
    /// A form of this page, if its visitor may publish there.
    pub(super) fn new(
        visit: &Visit,
        vhost: &str,
        exchange: &str,
        routing_key: Option<&str>,
    ) -> Option<Self> {
        let allowed = visit.may(Permission::Write, ResourceKind::Exchange, vhost, exchange);
        allowed.then(|| Self {
            vhost: vhost.to_owned(),
            exchange: Some(exchange.to_owned()),
            routing_key: routing_key.map(str::to_owned),
            headers: HEADERS,
        })
    }

    /// A form in which exchange and routing key are typed, too, if its visitor may publish at all.
    pub(super) fn anywhere(visit: &Visit, vhost: &str) -> Option<Self> {
        (!visit.is_read_only()).then(|| Self {
            vhost: vhost.to_owned(),
            exchange: None,
            routing_key: None,
            headers: HEADERS,
        })
    }

    /// What scripts tell this form's history from others by; a form for anywhere has none.
    pub(super) fn key(&self) -> Option<String> {
        let exchange = self.exchange.as_ref()?;
        Some(json!([self.vhost, exchange, self.routing_key]).to_string())
    }
}

/// A form that says what a message says, whose properties are as the API shows them.
pub(super) fn filled(
    (exchange, routing_key): (&str, &str),
    properties: &Value,
    payload: (&str, &str),
) -> Form {
    let mut fields = Address::new("").with("form", FORM);
    for (name, value) in [
        ("exchange", exchange),
        ("routing_key", routing_key),
        ("payload", payload.0),
        ("payload_encoding", payload.1),
        // What a message without it is.
        ("delivery_mode", "1"),
        ("repeat", "1"),
    ] {
        fields = fields.with(name, value);
    }
    for name in TEXTS.iter().chain(&NUMBERS) {
        match &properties[name] {
            Value::Null => {}
            Value::String(text) => fields = fields.with(name, text),
            value => fields = fields.with(name, &value.to_string()),
        }
    }
    let headers = properties["headers"].as_object().into_iter().flatten();
    for (name, value) in headers {
        let (kind, text) = match value {
            Value::String(text) => ("string", text.clone()),
            Value::Number(number) => ("number", number.to_string()),
            Value::Bool(flag) => ("boolean", flag.to_string()),
            value => ("json", value.to_string()),
        };
        fields = fields.and("headers-key", name);
        fields = fields.and("headers-type", kind);
        fields = fields.and("headers-value", &text);
    }
    Form::new(fields)
}

/// `POST /console/publish`
pub(super) async fn publish(submission: Submission) -> Response {
    let to = Address::parse_whole(submission.form.text("from"));
    let done = publish_all(&submission).await;
    // The address may fill a form: what was published is not to be there again.
    submission.finish(done, to.without(&["form"])).await
}

async fn publish_all(submission: &Submission) -> Result<String, Problem> {
    let Submission { visit, form, .. } = submission;
    let message = message(form)?;
    let bytes = message.to_string().len() as u64 + 1;
    let repeat = repeat(form)?;
    let rate = rate(form, repeat)?;
    let most = (MAX_BATCH_BYTES / bytes).clamp(1, MAX_BATCH);
    let most = rate.map_or(most, |rate| most.min((rate / BATCHES_PER_SECOND).max(1)));
    let begun = Instant::now();
    let exchange = form.get("exchange").unwrap_or("amq.default");
    let path = [
        "exchanges",
        form.text("vhost"),
        exchange,
        "publish",
        "batch",
    ];
    let (mut published, mut routed) = (0, 0);
    while published < repeat {
        let count = (repeat - published).min(most);
        let messages = vec![&message; count as usize];
        let call = Call::post(&path).body(json!({ "messages": messages }));
        let answer = visit.call(call).await?;
        let number = |name: &str| answer[name].as_u64().unwrap_or_default();
        published += number("published");
        routed += number("routed");
        if number("published") < count {
            return Err(Problem::bad_request(refusal(&answer, published, repeat)));
        }
        if let Some(rate) = rate.filter(|_| published < repeat) {
            let due = Duration::from_secs_f64(published as f64 / rate as f64);
            sleep_until(begun + due).await;
        }
    }
    Ok(told(published, routed))
}

fn repeat(form: &Form) -> Result<u64, Problem> {
    let repeat = form.get("repeat").unwrap_or("1").trim().parse().ok();
    let repeat = repeat.filter(|count| (1..=MAX_REPEAT).contains(count));
    let most = format::count(MAX_REPEAT);
    repeat.ok_or_else(|| Problem::bad_request(format!("Repeat: a number from 1 to {most}")))
}

/// Messages a second, if that is said, and does not take too long.
fn rate(form: &Form, repeat: u64) -> Result<Option<u64>, Problem> {
    let Some(text) = form.get("rate") else {
        return Ok(None);
    };
    let rate = text.trim().parse().ok();
    let rate: u64 = rate
        .filter(|rate| (1..=MAX_REPEAT).contains(rate))
        .ok_or_else(|| {
            Problem::bad_request(format!(
                "Rate: '{text}' is not a number of messages a second"
            ))
        })?;
    let seconds = repeat / rate;
    match seconds > MAX_TIME.as_secs() {
        true => Err(Problem::bad_request(format!(
            "At {rate} a second that takes {seconds} seconds, and a form takes no more than {}: \
             publish fewer, or faster",
            MAX_TIME.as_secs()
        ))),
        false => Ok(Some(rate)),
    }
}

/// Why the API did not take all of a batch.
fn refusal(answer: &Value, published: u64, repeat: u64) -> String {
    let results = answer["results"].as_array().into_iter().flatten();
    let mut reasons = results.filter_map(|result| result["reason"].as_str());
    let reason = reasons.next().unwrap_or("refused");
    match published {
        0 => reason.to_owned(),
        _ => format!("{published} of {repeat} were published; then: {reason}"),
    }
}

/// What became of it, in words.
fn told(published: u64, routed: u64) -> String {
    let messages = match published {
        1 => "Message".to_owned(),
        count => format!("{} messages", format::count(count)),
    };
    match routed {
        0 => format!("{messages} published, but not routed: no queue is bound for it"),
        _ if routed < published => format!("{messages} published, {routed} of them routed"),
        _ => format!("{messages} published and routed"),
    }
}

/// A message as the API takes it.
fn message(form: &Form) -> Result<Value, Problem> {
    Ok(json!({
        "properties": properties(form)?,
        "routing_key": form.text("routing_key"),
        // Browsers send all line ends as CR LF.
        "payload": form.text("payload").replace("\r\n", "\n"),
        "payload_encoding": form.get("payload_encoding").unwrap_or("string"),
    }))
}

fn properties(form: &Form) -> Result<Value, Problem> {
    let mut properties = Map::new();
    for name in TEXTS {
        if let Some(text) = form.get(name) {
            properties.insert(name.to_owned(), text.into());
        }
    }
    for name in NUMBERS {
        if let Some(text) = form.get(name) {
            let number: Option<u64> = text.trim().parse().ok();
            let rule = || Problem::bad_request(format!("{name}: '{text}' is not a number"));
            properties.insert(name.to_owned(), number.ok_or_else(rule)?.into());
        }
    }
    let headers = form.table("headers")?;
    if headers
        .as_object()
        .is_some_and(|headers| !headers.is_empty())
    {
        properties.insert("headers".to_owned(), headers);
    }
    Ok(properties.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_a_message() {
        let fields = "form=publish&routing_key=a%2Fb&payload=1%0D%0A2&delivery_mode=2&expiration=60000\
                      &type=&headers-key=n&headers-type=number&headers-value=1";
        let form = Form::of_address(&Address::parse("", fields)).unwrap();
        let expected = json!({
            "properties": {"delivery_mode": 2, "expiration": "60000", "headers": {"n": 1}},
            "routing_key": "a/b", "payload": "1\n2", "payload_encoding": "string",
        });
        assert_eq!(message(&form), Ok(expected));
        let form = Form::of_address(&Address::parse("", "form=publish&priority=x")).unwrap();
        let wrong = Problem::bad_request("priority: 'x' is not a number");
        assert_eq!(message(&form), Err(wrong));
    }

    #[test]
    fn a_message_fills_a_form() {
        let properties = json!({
            "delivery_mode": 1, "type": "t", "expiration": "5",
            "headers": {"n": 1, "s": "x", "b": true, "l": ["a", {"c": null}]},
        });
        let form = filled(("x", "k"), &properties, ("1\n2", "string"));
        let expected = json!({
            "properties": properties, "routing_key": "k", "payload": "1\n2", "payload_encoding": "string",
        });
        assert_eq!(message(&form), Ok(expected));
        assert_eq!(form.get("exchange"), Some("x"));
    }

    #[test]
    fn a_rate_takes_no_more_than_its_time() {
        let check = |fields: &str, expected: Option<Option<u64>>| {
            let form = Form::of_address(&Address::parse("", fields)).unwrap();
            assert_eq!(rate(&form, 1_000).ok(), expected, "{fields}");
        };
        check("form=publish", Some(None));
        check("form=publish&rate=100", Some(Some(100)));
        check("form=publish&rate=33", Some(Some(33)));
        check("form=publish&rate=10", None);
        check("form=publish&rate=0", None);
        check("form=publish&rate=x", None);
    }

    #[test]
    fn it_is_told_who_got_it() {
        assert_eq!(told(1, 1), "Message published and routed");
        assert_eq!(told(2_000, 2_000), "2,000 messages published and routed");
        assert_eq!(told(3, 1), "3 messages published, 1 of them routed");
        assert!(told(1, 0).contains("not routed"));
    }
}
