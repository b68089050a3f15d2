//! Every kind of term, and what is none.

use serde_json::json;

use super::*;

/// A site, and the directory of its broker.
fn site() -> (Site, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let config = ferrymq_broker::Config {
        data_dir: directory.path().join("data"),
        ..Default::default()
    };
    let broker = ferrymq_broker::Broker::open(config).unwrap();
    (Site::new(broker, ([127, 0, 0, 1], 5672).into()), directory)
}

/// Checks whether filters take `row`.
fn check(row: Value, cases: &[(&str, bool)]) {
    let (site, _directory) = site();
    for (text, expected) in cases {
        let filter: Filter = text.parse().unwrap();
        let accepted = filter.accepts_name(&row.name()) && filter.accepts_fields(&site, &row);
        assert_eq!(accepted, *expected, "{text} of {row}");
    }
}

#[test]
fn words_and_expressions_are_looked_for_in_the_name() {
    check(
        json!({ "name": "Shop orders.EU-1" }),
        &[
            ("", true),
            ("  ", true),
            ("ORDERS", true),
            ("shop eu", true),
            ("shop us", false),
            ("\"shop orders\"", true),
            ("\"orders shop\"", false),
            ("-us", true),
            ("-eu", false),
            ("-\"shop us\"", true),
            ("/^shop .*eu-\\d$/", true),
            ("/^eu/", false),
            ("-/^eu/ shop", true),
            ("name:eu", true),
            ("name:=eu", false),
            ("name:/^SHOP/", true),
            ("name:*", true),
            ("name:", false),
            ("\"\"", true),
            ("-", true),
            (".", true),
        ],
    );
}

#[test]
fn names_may_hold_what_terms_are_made_of() {
    check(
        json!({ "name": "127.0.0.1:50214 -> [::1]:5672" }),
        &[
            ("127.0.0.1:50214 -> [::1]:5672", true),
            ("127.0.0.1:5672", false),
            (":5672", true),
            ("->", true),
        ],
    );
    check(
        json!({ "name": "urn:a/b \"c\\d\" /e" }),
        &[
            ("\"urn:a\"", true),
            ("urn:a", false),
            ("a/b", true),
            ("\"\\\"c\\\\d\\\"\"", true),
            ("\"c\\d\"", true),
            ("\"/e\"", true),
            ("/", true),
        ],
    );
}

#[test]
fn fields_are_tested_by_what_they_hold() {
    check(
        json!({
            "name": "q", "messages": 1500, "rate": 0.5, "durable": true, "exclusive": false, "state": "Running",
            "policy": null, "description": "", "vhost": "/", "tags": ["administrator", "ops"], "none": [],
            "arguments": { "x-max-length": 10, "x-overflow": "drop-head" }, "empty": {},
        }),
        &[
            ("messages:1500", true),
            ("messages:1.5k", true),
            ("messages:=1500", true),
            ("messages:15", false),
            ("messages:/^15/", true),
            ("messages:>1k", true),
            ("messages:>1500", false),
            ("messages:>=1500", true),
            ("messages:<1M", true),
            ("messages:<=1.4k", false),
            ("messages:<2G messages:>-1", true),
            ("-messages:>1k", false),
            ("rate:>0.4 rate:<.6", true),
            ("durable:true", true),
            ("durable:TRUE", true),
            ("durable:tru", false),
            ("durable:>0", false),
            ("exclusive:false", true),
            ("exclusive:*", true),
            ("state:run", true),
            ("state:=running", false),
            ("state:=Running", true),
            ("state:=\"Running\"", true),
            ("state:/^r.*g$/", true),
            ("state:>1", false),
            ("policy:", true),
            ("policy:*", false),
            ("-policy:", false),
            ("-policy:*", true),
            ("policy:x", false),
            ("-policy:x", true),
            ("description:", true),
            ("vhost:/", true),
            ("vhost:/ q", true),
            ("vhost:=/", true),
            ("tags:admin", true),
            ("tag:ops", true),
            ("tags:=admin", false),
            ("none:", true),
            ("arguments.x-max-length:10", true),
            ("arguments:overflow", true),
            ("empty:*", false),
            ("missing:x", false),
            ("missing:<1", false),
            ("missing:", true),
            ("-missing:x", true),
        ],
    );
}

#[test]
fn short_names_stand_for_the_field_that_there_is() {
    check(
        json!({
            "consumer_tag": "ctag1", "queue": { "name": "orders", "vhost": "shop" }, "prefetch_count": 5,
            "channel_details": { "user": "app", "peer_host": "10.0.0.1" },
        }),
        &[
            ("tag:ctag", true),
            ("queue:orders vhost:shop user:app prefetch:5", true),
            ("address:10.0", true),
            ("client:x", false),
            ("client:", true),
            ("vhost:orders", false),
        ],
    );
}

#[test]
fn what_has_no_name_is_found_by_what_identifies_it() {
    check(
        json!({ "user": "app", "vhost": "/", "configure": "^x" }),
        &[
            ("app", true),
            ("\"app /\"", true),
            ("/^app .$/", true),
            ("^x", false),
        ],
    );
    check(
        json!({ "id": 7, "source": "orders", "task": "move" }),
        &[("orders move", true), ("id:7", true), ("7", false)],
    );
}

#[test]
fn what_makes_no_sense_is_named() {
    let check = |filter: &str, term: &str, rule: &str| {
        let error = filter.parse::<Filter>().unwrap_err().to_string();
        let begin = format!("filter term '{term}': ");
        assert!(error.starts_with(&begin), "{filter}: {error}");
        assert!(error.contains(rule), "{filter}: {error}");
    };
    check("a messages:>many b", "messages:>many", "must be a number");
    check("messages:<=", "messages:<=", "must be a number");
    check("-messages:>1x", "-messages:>1x", "must be a number");
    check("messages:>inf", "messages:>inf", "must be a number");
    check("a \"b c", "\"b c", "no other one ends");
    check("vhost:\"b\\", "vhost:\"b\\", "no other one ends");
    check("\"b\"c d", "\"b\"c", "a blank must follow");
    check("/foo bar", "/foo", "ends with a /");
    check("vhost:/foo", "vhost:/foo", "ends with a /");
    check("/a(b/ c", "/a(b/", "unclosed group");
    check("name:/\\w{9999}/", "name:/\\w{9999}/", "size limit");
    for long in ["x ".repeat(33), "x".repeat(5000)] {
        let error = long.parse::<Filter>().unwrap_err().to_string();
        assert!(error.contains("at most"), "{error}");
    }
}
