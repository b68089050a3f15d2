//! Topic exchanges: words, `*` and `#`.

use ferrymq_tests::raw::Channel;

use crate::support::{channel, is_other_broker, unique};

/// An exchange, a queue, and the question whether a pattern matches a key.
struct Matcher {
    channel: Channel,
    exchange: String,
    queue: String,
}

impl Matcher {
    fn new() -> Self {
        let channel = channel();
        let exchange = channel.exchange(&unique("topic"), "topic");
        let queue = channel.temporary_queue();
        Self {
            channel,
            exchange,
            queue,
        }
    }

    /// Binds by `pattern` and checks which keys reach the queue.
    #[track_caller]
    fn check(&self, pattern: &str, matching: &[&str], other: &[&str]) {
        self.channel.bind(&self.queue, &self.exchange, pattern);
        for key in matching.iter().chain(other) {
            self.channel.publish(&self.exchange, key, key);
        }
        assert_eq!(
            self.channel.drain(&self.queue),
            matching,
            "routed by '{pattern}'"
        );
        self.channel.unbind(&self.queue, &self.exchange, pattern);
    }
}

#[test]
fn words_match_themselves() {
    let matcher = Matcher::new();
    matcher.check("a", &["a"], &["b", "A", "a.b", "", "aa", "a."]);
    matcher.check(
        "a.b.c",
        &["a.b.c"],
        &["a.b", "a.b.c.d", "a.c.b", "a..c", "a.b.C"],
    );
    matcher.check("naïve.ключ", &["naïve.ключ"], &["naive.ключ"]);
}

#[test]
fn a_star_is_exactly_one_word() {
    let matcher = Matcher::new();
    matcher.check("*", &["a", "long-word", "*", "#"], &["", "a.b", "."]);
    matcher.check("a.*", &["a.b", "a.", "a.*"], &["a", "a.b.c", "b.a"]);
    matcher.check("*.b", &["a.b", ".b"], &["b", "a.a.b", "a.b.c"]);
    matcher.check("a.*.c", &["a.b.c", "a..c"], &["a.c", "a.b.b.c"]);
    matcher.check("*.*", &["a.b", "."], &["a", "", "a.b.c"]);
}

#[test]
fn a_hash_is_any_number_of_words() {
    let matcher = Matcher::new();
    matcher.check("#", &["", "a", "a.b", "a..b", ".", "..."], &[]);
    matcher.check("a.#", &["a", "a.b", "a.b.c", "a."], &["", "b", "b.a", "ab"]);
    matcher.check("#.a", &["a", "b.a", "b.c.a", ".a"], &["", "b", "a.b", "ba"]);
    matcher.check(
        "a.#.b",
        &["a.b", "a.x.b", "a.x.y.b", "a..b"],
        &["a", "b", "a.b.c", "a.x"],
    );
    matcher.check(
        "#.a.#",
        &["a", "x.a", "a.x", "x.a.y", "a.a"],
        &["", "x", "x.y"],
    );
}

#[test]
fn several_hashes_work_together() {
    let matcher = Matcher::new();
    matcher.check("#.#", &["", "a", "a.b"], &[]);
    matcher.check("a.#.#", &["a", "a.b", "a.b.c"], &["b.a"]);
    matcher.check(
        "#.a.#.b.#",
        &["a.b", "x.a.y.b.z", "a.b.a.b"],
        &["a", "b.a", "x"],
    );
}

#[test]
fn a_star_and_a_hash_are_at_least_one_word() {
    let matcher = Matcher::new();
    matcher.check("*.#", &["a", "a.b", "a.b.c", "."], &[""]);
    matcher.check("#.*", &["a", "a.b", "a.b.c"], &[""]);
    matcher.check("*.#.*", &["a.b", "a.b.c", "."], &["", "a"]);
    matcher.check("#.*.#", &["a", "a.b.c"], &[""]);
}

#[test]
fn the_empty_key_has_no_words() {
    let matcher = Matcher::new();
    matcher.check("", &[""], &["a", ".", "a.b"]);
    matcher.check("#", &[""], &[]);
    matcher.check("*", &[], &[""]);
}

#[test]
fn empty_words_are_words() {
    let matcher = Matcher::new();
    matcher.check("a..b", &["a..b"], &["a.b", "a.x.b"]);
    matcher.check("..", &[".."], &["", ".", "...", "a.b.c"]);
    matcher.check("*.*.*", &["..", "a..b", "a.b.c"], &[".", "a.b"]);
    matcher.check(".a", &[".a"], &["a", "b.a"]);
}

#[test]
fn wildcards_inside_a_word_are_letters() {
    let matcher = Matcher::new();
    matcher.check("a*", &["a*"], &["ab", "a"]);
    matcher.check("a#.b", &["a#.b"], &["a.b", "a.x.b"]);
    matcher.check("**", &["**"], &["a", "a.b"]);
    matcher.check("*#", &["*#"], &["a", ""]);
}

#[test]
fn all_bindings_are_looked_at() {
    let channel = channel();
    let exchange = channel.exchange(&unique("topic"), "topic");
    let bound: Vec<(&str, String)> = ["a.b", "a.*", "*.b", "#", "a.#", "#.b", "a.c", "*", "b.#"]
        .into_iter()
        .map(|pattern| (pattern, channel.temporary_queue()))
        .collect();
    for (pattern, queue) in &bound {
        channel.bind(queue, &exchange, pattern);
    }
    channel.publish(&exchange, "a.b", "message");
    for (pattern, queue) in &bound {
        let expected = !matches!(*pattern, "a.c" | "*" | "b.#");
        assert_eq!(channel.get(queue).is_some(), expected, "'{pattern}'");
    }
}

#[test]
fn many_hashes_do_not_stop_the_broker() {
    if is_other_broker("3.10 tries every combination") {
        return;
    }
    let channel = channel();
    let exchange = channel.exchange(&unique("hashes"), "topic");
    let queue = channel.temporary_queue();
    channel.bind(&queue, &exchange, &format!("{}z", "#.a.".repeat(60)));
    channel.bind(&queue, &exchange, &format!("{}z", "#.".repeat(100)));
    channel.publish(
        &exchange,
        &format!("{}a", "a.".repeat(120)),
        "not matched, and soon",
    );
    assert!(channel.get(&queue).is_none());
}
