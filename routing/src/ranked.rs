//! A persistent sorted map from keys to weights that finds the key under the n-th unit of weight.
//!
//! A weight-balanced binary tree. ("Weight" in that name means the number of nodes, not the keys' weights.)

use std::cmp::Ordering;
use std::sync::Arc;

/// A subtree may have this many times the nodes of its sibling before it is rotated.
const MAX_RATIO: usize = 3;
/// A rotation is double when the inner grandchild has this many times the nodes of the outer one.
const DOUBLE_RATIO: usize = 2;

/// Keys in order, each with a weight.
#[derive(Debug, Clone)]
pub(crate) struct Ranked<K>(Link<K>);

type Link<K> = Option<Arc<Node<K>>>;

#[derive(Debug)]
struct Node<K> {
    key: K,
    weight: u64,
    left: Link<K>,
    right: Link<K>,
    /// How many nodes this subtree has.
    nodes: usize,
    /// The sum of this subtree's weights.
    total: u64,
}

impl<K> Default for Ranked<K> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: Ord + Clone> Ranked<K> {
    /// The sum of all weights.
    pub(crate) fn total(&self) -> u64 {
        total(&self.0)
    }

    /// Adds a key that is not in the map.
    pub(crate) fn insert(&mut self, key: K, weight: u64) {
        self.0 = insert(&self.0, key, weight);
    }

    /// Removes a key, if it is in the map.
    pub(crate) fn remove(&mut self, key: &K) {
        self.0 = remove(&self.0, key);
    }

    /// The first key for which the weights up to and including its own sum to more than `position`.
    pub(crate) fn find(&self, mut position: u64) -> Option<&K> {
        let mut link = &self.0;
        while let Some(node) = link {
            let before = total(&node.left);
            if position < before {
                link = &node.left;
            } else if position - before < node.weight {
                return Some(&node.key);
            } else {
                position -= before + node.weight;
                link = &node.right;
            }
        }
        None
    }
}

fn nodes<K>(link: &Link<K>) -> usize {
    link.as_ref().map_or(0, |node| node.nodes)
}

fn total<K>(link: &Link<K>) -> u64 {
    link.as_ref().map_or(0, |node| node.total)
}

fn join<K>(left: Link<K>, key: K, weight: u64, right: Link<K>) -> Link<K> {
    let nodes = nodes(&left) + nodes(&right) + 1;
    let total = total(&left) + total(&right) + weight;
    Some(Arc::new(Node {
        key,
        weight,
        left,
        right,
        nodes,
        total,
    }))
}

fn insert<K: Ord + Clone>(link: &Link<K>, key: K, weight: u64) -> Link<K> {
    let Some(node) = link else {
        return join(None, key, weight, None);
    };
    if key < node.key {
        let left = insert(&node.left, key, weight);
        balance(left, node.key.clone(), node.weight, node.right.clone())
    } else {
        let right = insert(&node.right, key, weight);
        balance(node.left.clone(), node.key.clone(), node.weight, right)
    }
}

fn remove<K: Ord + Clone>(link: &Link<K>, key: &K) -> Link<K> {
    let node = link.as_ref()?;
    match key.cmp(&node.key) {
        Ordering::Less => {
            let left = remove(&node.left, key);
            balance(left, node.key.clone(), node.weight, node.right.clone())
        }
        Ordering::Greater => {
            let right = remove(&node.right, key);
            balance(node.left.clone(), node.key.clone(), node.weight, right)
        }
        Ordering::Equal => match &node.right {
            None => node.left.clone(),
            Some(right) => {
                let (next, rest) = take_first(right);
                balance(node.left.clone(), next.key.clone(), next.weight, rest)
            }
        },
    }
}

/// The subtree's first node, and the subtree without it.
fn take_first<K: Ord + Clone>(node: &Arc<Node<K>>) -> (&Arc<Node<K>>, Link<K>) {
    match &node.left {
        None => (node, node.right.clone()),
        Some(left) => {
            let (first, rest) = take_first(left);
            let rest = balance(rest, node.key.clone(), node.weight, node.right.clone());
            (first, rest)
        }
    }
}

/// Joins two subtrees of which one may have gained or lost a node.
fn balance<K: Clone>(left: Link<K>, key: K, weight: u64, right: Link<K>) -> Link<K> {
    let (on_left, on_right) = (nodes(&left), nodes(&right));
    if on_left + on_right < 2 {
        return join(left, key, weight, right);
    }
    match (&left, &right) {
        (_, Some(heavy)) if on_right > MAX_RATIO * on_left => rotate_left(left, key, weight, heavy),
        (Some(heavy), _) if on_left > MAX_RATIO * on_right => {
            rotate_right(heavy, key, weight, right)
        }
        _ => join(left, key, weight, right),
    }
}

fn rotate_left<K: Clone>(left: Link<K>, key: K, weight: u64, heavy: &Node<K>) -> Link<K> {
    let outer = heavy.right.clone();
    match &heavy.left {
        Some(inner) if inner.nodes >= DOUBLE_RATIO * nodes(&outer) => {
            let near = join(left, key, weight, inner.left.clone());
            let far = join(inner.right.clone(), heavy.key.clone(), heavy.weight, outer);
            join(near, inner.key.clone(), inner.weight, far)
        }
        inner => {
            let near = join(left, key, weight, inner.clone());
            join(near, heavy.key.clone(), heavy.weight, outer)
        }
    }
}

fn rotate_right<K: Clone>(heavy: &Node<K>, key: K, weight: u64, right: Link<K>) -> Link<K> {
    let outer = heavy.left.clone();
    match &heavy.right {
        Some(inner) if inner.nodes >= DOUBLE_RATIO * nodes(&outer) => {
            let far = join(outer, heavy.key.clone(), heavy.weight, inner.left.clone());
            let near = join(inner.right.clone(), key, weight, right);
            join(far, inner.key.clone(), inner.weight, near)
        }
        inner => {
            let near = join(inner.clone(), key, weight, right);
            join(outer, heavy.key.clone(), heavy.weight, near)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The naive `find`.
    fn find(map: &BTreeMap<u16, u64>, position: u64) -> Option<&u16> {
        let mut sum = 0;
        map.iter()
            .find(|(_, weight)| {
                sum += **weight;
                sum > position
            })
            .map(|(key, _)| key)
    }

    fn depth(link: &Link<u16>) -> usize {
        link.as_ref()
            .map_or(0, |node| 1 + depth(&node.left).max(depth(&node.right)))
    }

    #[test]
    fn stays_shallow_when_filled_and_emptied_in_order() {
        let mut ranked = Ranked::default();
        for key in 0..10_000 {
            ranked.insert(key, 1);
        }
        assert!(depth(&ranked.0) <= 30, "{}", depth(&ranked.0));
        for key in 0..9_000 {
            ranked.remove(&key);
        }
        assert!(depth(&ranked.0) <= 22, "{}", depth(&ranked.0));
        assert_eq!(ranked.find(999), Some(&9_999));
    }

    proptest! {
        #[test]
        fn finds_what_a_plain_map_finds(changes in prop::collection::vec((0..40u16, 0..4u64), 0..200)) {
            let (mut ranked, mut plain) = (Ranked::default(), BTreeMap::new());
            for (key, weight) in changes {
                match plain.remove(&key) {
                    Some(_) => ranked.remove(&key),
                    None => {
                        plain.insert(key, weight);
                        ranked.insert(key, weight);
                    }
                }
                prop_assert_eq!(ranked.total(), plain.values().sum::<u64>());
                prop_assert!(depth(&ranked.0) <= 10);
            }
            for position in 0..=ranked.total() {
                prop_assert_eq!(ranked.find(position), find(&plain, position));
            }
        }
    }
}
