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
