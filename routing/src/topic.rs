//! Topic: patterns over the words between dots; `*` stands for one word, `#` for any number of them.
//!
//! The patterns are a trie, one edge per word. Matching walks it word by word with the set of nodes that
//! fit so far, so bindings that do not fit cost nothing, and several `#` cannot multiply the work: however
//! many ways lead to a node, it is in the set once.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::binding_set::BindingSet;
use crate::distinct::Distinct;
use crate::route::{Reached, RouteInput};
use crate::{Binding, Map};

/// The trie of all binding keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Topic(Node);

/// What the words of a pattern up to here lead to.
#[derive(Debug, Clone, Default)]
struct Node {
    /// The bindings whose pattern ends here.
    bindings: BindingSet,
    words: Words,
    /// The pattern goes on with `*`.
    one_word: Option<Arc<Node>>,
    /// The pattern goes on with `#`.
    any_words: Option<Arc<Node>>,
}

/// The nodes behind a literal word. Most nodes have one.
#[derive(Debug, Clone, Default)]
enum Words {
    #[default]
    None,
    One(Arc<str>, Arc<Node>),
    // Invariant: two or more.
    Many(Map<Arc<str>, Arc<Node>>),
}

/// The nodes that fit the words so far.
struct Walk<'t> {
    /// Behind a literal word or `*`: the next word leads away from them.
    /// Invariant: all different, for each has one parent, which was in the walk once.
    steps: SmallVec<[&'t Node; 16]>,
    /// Behind `#`, which takes in any further word: once reached they stay.
    stays: Distinct<'t, Node>,
}

impl Topic {
    pub(crate) fn bind(&mut self, binding: &Arc<Binding>) {
        let mut node = &mut self.0;
        for word in words(binding.routing_key()) {
            node = node.child_or_insert(word);
        }
        node.bindings.insert(Arc::clone(binding));
    }

    pub(crate) fn unbind(&mut self, binding: &Binding) {
        self.0.unbind(words(binding.routing_key()), binding);
    }

    pub(crate) fn route<'t>(&'t self, input: &RouteInput<'_>, reached: &mut Reached<'t, '_>) {
        for key in input.routing_keys {
            let mut walk = Walk::new(&self.0);
            for word in words(key) {
                walk.take(word);
            }
            for node in walk.nodes() {
                reached.add_all(&node.bindings);
            }
        }
    }
}

/// The words of a key. The empty key has none; between two dots in a row there is an empty one.
fn words(key: &str) -> impl Iterator<Item = &str> {
    let words = (!key.is_empty()).then(|| key.split('.'));
    words.into_iter().flatten()
}

impl<'t> Walk<'t> {
    fn new(root: &'t Node) -> Self {
        let mut walk = Self {
            steps: SmallVec::new(),
            stays: Distinct::new(),
        };
        walk.step_to(root);
        walk
    }

    fn take(&mut self, word: &str) {
        // A `#` reached by this word must not take it in again.
        let stayed = self.stays.len();
        for node in std::mem::take(&mut self.steps) {
            self.leave(node, word);
        }
        for index in 0..stayed {
            if let Some(node) = self.stays.get(index) {
                self.leave(node, word);
            }
        }
    }

    fn leave(&mut self, node: &'t Node, word: &str) {
        if let Some(next) = node.words.get(word) {
            self.step_to(next);
        }
        if let Some(next) = &node.one_word {
            self.step_to(next);
        }
    }

    fn step_to(&mut self, node: &'t Node) {
        self.steps.push(node);
        // `#` also stands for no word at all.
        let mut next = node;
        while let Some(any_words) = &next.any_words
            && self.stays.add(any_words)
        {
            next = any_words;
        }
    }

    fn nodes(&self) -> impl Iterator<Item = &'t Node> {
        self.steps.iter().copied().chain(self.stays.iter())
    }
}

impl Node {
    fn is_empty(&self) -> bool {
        self.bindings.is_empty()
            && matches!(self.words, Words::None)
            && self.one_word.is_none()
            && self.any_words.is_none()
    }

    fn child_or_insert(&mut self, word: &str) -> &mut Self {
        let child = match word {
            "*" => self.one_word.get_or_insert_default(),
            "#" => self.any_words.get_or_insert_default(),
            _ => self.words.get_or_insert(word),
        };
        Arc::make_mut(child)
    }

    /// Removes a binding below this node, and the nodes that are empty without it. As deep as the key has
    /// words, which are 256 at most.
    fn unbind<'k>(&mut self, mut words: impl Iterator<Item = &'k str>, binding: &Binding) {
        let Some(word) = words.next() else {
            self.bindings.remove(binding);
            return;
        };
        let child = match word {
            "*" => self.one_word.as_mut(),
            "#" => self.any_words.as_mut(),
            _ => self.words.get_mut(word),
        };
        let Some(child) = child else {
            return;
        };
        let child = Arc::make_mut(child);
        child.unbind(words, binding);
        if child.is_empty() {
            match word {
                "*" => self.one_word = None,
                "#" => self.any_words = None,
                _ => self.words.remove(word),
            }
        }
    }
}

impl Words {
    fn get(&self, word: &str) -> Option<&Node> {
        match self {
            Self::None => None,
            Self::One(only, node) => (**only == *word).then_some(&**node),
            Self::Many(nodes) => nodes.get(word).map(|node| &**node),
        }
    }

    fn get_mut(&mut self, word: &str) -> Option<&mut Arc<Node>> {
        match self {
            Self::None => None,
            Self::One(only, node) => (**only == *word).then_some(node),
            Self::Many(nodes) => nodes.get_mut(word),
        }
    }

    fn get_or_insert(&mut self, word: &str) -> &mut Arc<Node> {
        if self.get(word).is_none() {
            *self = match std::mem::take(self) {
                Self::None => Self::One(word.into(), Arc::default()),
                Self::One(only, node) => Self::Many(
                    [(only, node), (word.into(), Arc::default())]
                        .into_iter()
                        .collect(),
                ),
                Self::Many(mut nodes) => {
                    nodes.insert(word.into(), Arc::default());
                    Self::Many(nodes)
                }
            };
        }
        self.get_mut(word)
            .expect("it was there or has just been inserted")
    }

    fn remove(&mut self, word: &str) {
        *self = match std::mem::take(self) {
            Self::Many(mut nodes) => {
                nodes.remove(word);
                let first = nodes.iter().next();
                let only = first.filter(|_| nodes.len() == 1);
                match only.map(|(word, node)| (Arc::clone(word), Arc::clone(node))) {
                    Some((word, node)) => Self::One(word, node),
                    None => Self::Many(nodes),
                }
            }
            Self::None | Self::One(..) => Self::None,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ExchangeKind;
    use crate::testing::{binding, bound, queues};

    #[track_caller]
    fn check(pattern: &str, key: &str, matches: bool) {
        let topology = bound(ExchangeKind::Topic, &[(pattern, "q")]);
        let expected = if matches { "q" } else { "" };
        assert_eq!(
            queues(&topology, "x", &[key]),
            expected,
            "'{pattern}' against '{key}'"
        );
    }

    #[test]
    fn literal_words() {
        check("a.b", "a.b", true);
        check("a.b", "a", false);
        check("a.b", "a.b.c", false);
        check("a.b", "A.b", false);
        check("é.ü", "é.ü", true);
    }

    #[test]
    fn star_is_one_word() {
        check("*", "a", true);
        check("*", "a.b", false);
        check("a.*.c", "a.b.c", true);
        check("a.*.c", "a.c", false);
        check("*.*", "a.b", true);
    }

    #[test]
    fn hash_is_any_number_of_words() {
        check("#", "a", true);
        check("#", "a.b.c", true);
        check("a.#", "a", true);
        check("a.#", "a.b.c", true);
        check("a.#", "b.a", false);
        check("#.c", "c", true);
        check("#.c", "a.b.c", true);
        check("a.#.c", "a.c", true);
        check("a.#.c", "a.b.b.c", true);
        check("a.#.c", "a.c.b", false);
        check("a.#.a", "a", false);
        check("#.#", "", true);
        check("#.a.#", "b.a.a.b", true);
        check("#.a.#.b.#", "b.a", false);
        check("*.#", "", false);
        check("*.#", "a", true);
        check("#.*", "a.b", true);
    }

    #[test]
    fn the_empty_key_has_no_words() {
        check("", "", true);
        check("#", "", true);
        check("*", "", false);
        check("", "a", false);
        check("", ".", false);
    }

    #[test]
    fn between_two_dots_is_an_empty_word() {
        check("a..b", "a..b", true);
        check("a.*.b", "a..b", true);
        check("a.#.b", "a..b", true);
        check("a.b", "a..b", false);
        check("*.*", ".", true);
        check("*", ".", false);
        check("a.*", "a.", true);
        check("a", "a.", false);
    }

    #[test]
    fn wildcards_are_whole_words() {
        check("a*", "ab", false);
        check("a*", "a*", true);
        check("#a.b", "x.b", false);
        check("#a.b", "#a.b", true);
        check("**", "a", false);
        check("##", "a.b", false);
    }

    #[test]
    fn several_keys_reach_the_union() {
        let topology = bound(
            ExchangeKind::Topic,
            &[("a.#", "1"), ("b", "2"), ("c", "3"), ("#", "4")],
        );
        assert_eq!(queues(&topology, "x", &["a.z", "b"]), "1 2 4");
    }

    #[test]
    fn many_hashes_do_not_multiply_the_work() {
        let pattern = ["#.a"; 60].join(".") + ".z";
        let patterns: Vec<_> = (0..60).map(|n| ["#.a"; 60][n..].join(".")).collect();
        let mut bindings = vec![(pattern.as_str(), "never")];
        bindings.extend(patterns.iter().map(|pattern| (pattern.as_str(), "q")));
        let topology = bound(ExchangeKind::Topic, &bindings);
        assert_eq!(queues(&topology, "x", &[&["a"; 127].join(".")]), "q");
    }

    #[test]
    fn the_longest_key_has_256_words() {
        let dots = ".".repeat(255);
        check(&dots, &dots, true);
        let mut topology = bound(ExchangeKind::Topic, &[(&dots, "q")]);
        topology.unbind(&binding("x", &dots, "q"));
        assert_eq!(queues(&topology, "x", &[&dots]), "");
    }

    fn naive(pattern: &[&str], words: &[&str]) -> bool {
        let Some((first, rest)) = pattern.split_first() else {
            return words.is_empty();
        };
        match *first {
            "#" => (0..=words.len()).any(|taken| naive(rest, &words[taken..])),
            "*" => !words.is_empty() && naive(rest, &words[1..]),
            word => words.first() == Some(&word) && naive(rest, &words[1..]),
        }
    }

    fn split(key: &str) -> Vec<&str> {
        if key.is_empty() {
            Vec::new()
        } else {
            key.split('.').collect()
        }
    }

    fn keys() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec!["a", "b", "c", "*", "#", "#", ""]);
        prop::collection::vec(word, 0..6).prop_map(|words| words.join("."))
    }

    proptest! {
        #[test]
        fn matches_what_a_naive_matcher_matches(
            changes in prop::collection::vec((keys(), 0..3usize), 0..60),
            published in prop::collection::vec(keys(), 1..10),
        ) {
            let mut topic = Topic::default();
            let mut plain: Vec<Arc<Binding>> = Vec::new();
            for (key, queue) in changes {
                let binding = Arc::new(binding("x", &key, ["q0", "q1", "q2"][queue]));
                match plain.iter().position(|bound| *bound == binding) {
                    Some(index) => topic.unbind(&plain.swap_remove(index)),
                    None => {
                        topic.bind(&binding);
                        plain.push(binding);
                    }
                }
            }
            for key in &published {
                let mut expected: Vec<_> = plain
                    .iter()
                    .filter(|binding| naive(&split(binding.routing_key()), &split(key)))
                    .collect();
                let mut walk = Walk::new(&topic.0);
                words(key).for_each(|word| walk.take(word));
                let nodes: Vec<_> = walk.nodes().collect();
                let mut found: Vec<_> = nodes.iter().flat_map(|node| node.bindings.iter()).collect();
                // Each binding once: no node is met twice.
                expected.sort();
                found.sort();
                prop_assert_eq!(found, expected, "{}", key);
            }
            for binding in plain {
                topic.unbind(&binding);
            }
            prop_assert!(topic.0.is_empty());
        }
    }
}
