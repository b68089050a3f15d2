//! The rules of declaring and binding one by one, then all of them against a naive model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::testing::{bind, binding, binding_with, bound, queues, text};

fn auto_delete(name: &str) -> Exchange {
    Exchange {
        auto_delete: true,
        ..Exchange::new(name, ExchangeKind::Fanout)
    }
}

fn names(removed: &Removed) -> String {
    removed
        .exchanges
        .iter()
        .map(ExchangeName::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn predeclared_exchanges() {
    let topology = Topology::new();
    let check = |name: &str, kind, internal| {
        let exchange = topology.exchange(name).unwrap();
        assert_eq!(
            (exchange.kind, exchange.internal),
            (kind, internal),
            "{name}"
        );
        assert!(exchange.durable && !exchange.auto_delete);
    };
    check("", ExchangeKind::Direct, false);
    check("amq.direct", ExchangeKind::Direct, false);
    check("amq.fanout", ExchangeKind::Fanout, false);
    check("amq.topic", ExchangeKind::Topic, false);
    check("amq.headers", ExchangeKind::Headers, false);
    check("amq.match", ExchangeKind::Headers, false);
    check("amq.rabbitmq.trace", ExchangeKind::Topic, true);
    assert_eq!(topology.exchanges().count(), 7);
}

#[test]
fn the_default_exchange_is_as_it_is() {
    let mut topology = bound(ExchangeKind::Direct, &[("", "q")]);
    let declared = topology.declare_exchange(Exchange::new("", ExchangeKind::Direct));
    assert_eq!(declared, Err(Error::DefaultExchange));
    assert_eq!(
        topology.bind(binding("", "q", "q")),
        Err(Error::DefaultExchange)
    );
    let to_default = Destination::Exchange("".into());
    let to_default = Binding::new("x".into(), to_default, "", Default::default());
    assert_eq!(topology.bind(to_default), Err(Error::DefaultExchange));
    assert!(topology.unbind(&binding("", "q", "q")).bindings.is_empty());
    assert!(topology.delete_exchange("").exchanges.is_empty());
    assert_eq!(queues(&topology, "", &["q"]), "q");
}

#[test]
fn exchanges_are_listed_by_name() {
    let mut topology = Topology::new();
    for name in ["b", "c", "a"] {
        let declared = topology.declare_exchange(Exchange::new(name, ExchangeKind::Direct));
        assert_eq!(declared, Ok(()));
    }
    topology.delete_exchange("b");
    let names = topology.exchanges().map(|exchange| exchange.name.as_str());
    let names: Vec<_> = names.filter(|name| !name.starts_with("amq.")).collect();
    assert_eq!(names, ["", "a", "c"]);
}

#[test]
fn an_exchange_is_declared_once() {
    let mut topology = bound(ExchangeKind::Direct, &[]);
    let again = topology.declare_exchange(Exchange::new("x", ExchangeKind::Fanout));
    assert_eq!(again, Err(Error::ExchangeExists("x".into())));
    assert_eq!(topology.exchange("x").unwrap().kind, ExchangeKind::Direct);
}

#[test]
fn binding_twice_is_binding_once() {
    let mut topology = bound(ExchangeKind::Direct, &[("k", "q")]);
    assert_eq!(topology.bind(binding("x", "k", "q")), Ok(false));
    assert_eq!(topology.bind(binding("x", "l", "q")), Ok(true));
    assert_eq!(
        topology.bind(binding_with("x", "k", "q", &[("a", text("1"))])),
        Ok(true)
    );
    assert_eq!(topology.bindings().count(), 3);
    assert_eq!(queues(&topology, "x", &["k"]), "q");
}

#[test]
fn both_ends_must_exist() {
    let mut topology = bound(ExchangeKind::Direct, &[]);
    let mut check = |source: &str, destination: &str, expected: &str| {
        let refused = topology
            .bind(binding(source, "k", destination))
            .unwrap_err();
        assert_eq!(refused.to_string(), expected);
    };
    check("x", "q", "no queue 'q'");
    check("y", "x", "no exchange 'y'");
    check("x", "xx", "no exchange 'xx'");
    check("y", "q", "no exchange 'y'");
}

#[test]
fn keys_are_no_longer_than_the_wire_carries() {
    let mut topology = bound(ExchangeKind::Topic, &[(&"a".repeat(255), "q")]);
    let refused = topology.bind(binding("x", &".".repeat(256), "q"));
    assert_eq!(refused, Err(Error::RoutingKeyTooLong(256)));
}

#[test]
fn unbinding_what_is_not_there() {
    let mut topology = bound(ExchangeKind::Direct, &[("k", "q")]);
    for missing in [
        binding("x", "l", "q"),
        binding("y", "k", "q"),
        binding("x", "k", "p"),
    ] {
        assert!(topology.unbind(&missing).bindings.is_empty());
    }
    let removed = topology.unbind(&binding("x", "k", "q"));
    assert_eq!(
        (removed.bindings.len(), names(&removed)),
        (1, String::new())
    );
    assert!(topology.is_unused("x"));
}

#[test]
fn deleting_a_queue_removes_its_bindings() {
    let mut topology = bound(ExchangeKind::Topic, &[("a", "q"), ("b", "q"), ("b", "p")]);
    assert_eq!(topology.remove_queue("q").bindings.len(), 2);
    assert!(!topology.has_queue("q"));
    assert!(topology.remove_queue("q").bindings.is_empty());
    topology.add_queue("q".into());
    assert_eq!(topology.bindings_to_queue("q").count(), 0);
    assert_eq!(queues(&topology, "x", &["b"]), "p");
}

#[test]
fn adding_a_queue_again_keeps_its_bindings() {
    let mut topology = bound(ExchangeKind::Direct, &[("a", "q")]);
    topology.add_queue("q".into());
    assert_eq!(topology.bindings_to_queue("q").count(), 1);
}

#[test]
fn deleting_an_exchange_removes_bindings_in_both_directions() {
    let mut topology = bound(ExchangeKind::Direct, &[("a", "q")]);
    topology.bind(binding("amq.fanout", "", "x")).unwrap();
    topology.bind(binding("x", "", "x")).unwrap();
    let removed = topology.delete_exchange("x");
    assert_eq!((removed.bindings.len(), names(&removed).as_str()), (3, "x"));
    assert_eq!(topology.bindings().count(), 0);
    assert_eq!(topology.bindings_to_queue("q").count(), 0);
    assert!(topology.is_unused("amq.fanout"));
    assert!(topology.delete_exchange("x").exchanges.is_empty());
}

#[test]
fn being_a_destination_is_not_being_used() {
    let mut topology = bound(ExchangeKind::Direct, &[]);
    topology.bind(binding("amq.fanout", "", "x")).unwrap();
    assert!(topology.is_unused("x"));
    assert!(!topology.is_unused("amq.fanout"));
    assert_eq!(topology.bindings_to_exchange("x").count(), 1);
    assert_eq!(topology.bindings_from("amq.fanout").count(), 1);
}

#[test]
fn an_auto_delete_exchange_goes_with_its_last_binding() {
    let mut topology = Topology::new();
    topology.declare_exchange(auto_delete("xa")).unwrap();
    topology.bind(binding("amq.fanout", "", "xa")).unwrap();
    topology.unbind(&binding("amq.fanout", "", "xa"));
    assert!(
        topology.exchange("xa").is_some(),
        "it never had one as a source"
    );
    bind(&mut topology, binding("xa", "1", "q")).unwrap();
    bind(&mut topology, binding("xa", "2", "q")).unwrap();
    assert_eq!(names(&topology.unbind(&binding("xa", "1", "q"))), "");
    assert_eq!(names(&topology.unbind(&binding("xa", "2", "q"))), "xa");
    assert!(topology.exchange("xa").is_none());
}

#[test]
fn auto_delete_exchanges_take_their_sources_along() {
    let mut topology = Topology::new();
    for name in ["xa", "xb", "xc"] {
        topology.declare_exchange(auto_delete(name)).unwrap();
    }
    for (source, destination) in [
        ("xa", "xb"),
        ("xb", "xc"),
        ("xc", "q"),
        ("amq.fanout", "xa"),
    ] {
        bind(&mut topology, binding(source, "", destination)).unwrap();
    }
    let mut kept = topology.clone();
    let removed = topology.remove_queue("q");
    assert_eq!(
        (removed.bindings.len(), names(&removed).as_str()),
        (4, "xc xb xa")
    );
    assert_eq!(names(&kept.delete_exchange("xb")), "xb xa");
    assert!(
        kept.exchange("xc").is_some(),
        "its own binding is still there"
    );
}

#[test]
fn a_long_chain_of_auto_delete_exchanges() {
    let mut topology = Topology::new();
    topology.add_queue("q".into());
    let mut destination = Destination::Queue("q".into());
    for number in 0..20_000 {
        let name = ExchangeName::from(format!("x{number}"));
        topology
            .declare_exchange(auto_delete(name.as_str()))
            .unwrap();
        let bound = Binding::new(name.clone(), destination, "", Default::default());
        topology.bind(bound).unwrap();
        destination = Destination::Exchange(name);
    }
    assert_eq!(topology.remove_queue("q").exchanges.len(), 20_000);
}

#[test]
fn a_clone_does_not_see_later_changes() {
    let mut topology = bound(ExchangeKind::Topic, &[("a.b", "q")]);
    let before = topology.clone();
    bind(&mut topology, binding("x", "a.*", "p")).unwrap();
    topology.unbind(&binding("x", "a.b", "q"));
    assert_eq!(queues(&topology, "x", &["a.b"]), "p");
    assert_eq!(queues(&before, "x", &["a.b"]), "q");
    assert!(!before.has_queue("p"));
}

/// A change, by names and keys.
#[derive(Debug, Clone)]
enum Change {
    Declare(&'static str, ExchangeKind, bool),
    Delete(&'static str),
    AddQueue(&'static str),
    RemoveQueue(&'static str),
    Bind(&'static str, &'static str, &'static str),
    Unbind(&'static str, &'static str, &'static str),
}

/// Lists and sets, and loops over all of them.
#[derive(Debug, Clone, Default)]
struct Plain {
    exchanges: BTreeMap<&'static str, (ExchangeKind, bool)>,
    queues: BTreeSet<&'static str>,
    bindings: BTreeSet<(&'static str, &'static str, &'static str)>,
}

impl Plain {
    /// Applies a change, and what it brings about.
    fn apply(&mut self, change: &Change) {
        match *change {
            Change::Declare(name, kind, auto_delete) => {
                self.exchanges.entry(name).or_insert((kind, auto_delete));
            }
            Change::Delete(name) => {
                self.exchanges.remove(name);
            }
            Change::AddQueue(name) => {
                self.queues.insert(name);
            }
            Change::RemoveQueue(name) => {
                self.queues.remove(name);
            }
            Change::Bind(source, key, destination) => {
                if self.exchanges.contains_key(source) && self.exists(destination) {
                    self.bindings.insert((source, key, destination));
                }
            }
            Change::Unbind(source, key, destination) => {
                let had = self.bindings.remove(&(source, key, destination));
                self.delete_if_last(had.then_some(source));
            }
        }
        self.remove_dangling();
    }

    fn exists(&self, name: &str) -> bool {
        self.exchanges.contains_key(name) || self.queues.contains(name)
    }

    fn remove_dangling(&mut self) {
        let dangling = |plain: &Self| {
            let mut bindings = plain.bindings.iter();
            bindings
                .find(|(source, _, to)| !plain.exists(source) || !plain.exists(to))
                .copied()
        };
        while let Some(binding) = dangling(self) {
            self.bindings.remove(&binding);
            self.delete_if_last(Some(binding.0));
        }
    }

    fn delete_if_last(&mut self, source: Option<&str>) {
        if let Some(source) = source
            && matches!(self.exchanges.get(source), Some((_, true)))
            && self.bindings.iter().all(|(other, _, _)| *other != source)
        {
            self.exchanges.remove(source);
        }
    }

    fn route(&self, exchange: &'static str, key: &str) -> String {
        let (mut exchanges, mut queues) = (vec![exchange], BTreeSet::new());
        let mut next = 0;
        while let Some(exchange) = exchanges.get(next).copied() {
            next += 1;
            for (source, bound_key, to) in &self.bindings {
                let any_key = matches!(self.exchanges[source], (ExchangeKind::Fanout, _));
                if *source != exchange || !(any_key || *bound_key == key) {
                    continue;
                }
                if self.queues.contains(to) {
                    queues.insert(*to);
                } else if !exchanges.contains(to) {
                    exchanges.push(to);
                }
            }
        }
        queues.into_iter().collect::<Vec<_>>().join(" ")
    }
}

fn apply(topology: &mut Topology, change: &Change) -> Removed {
    match *change {
        Change::Declare(name, kind, auto_delete) => {
            let _ = topology.declare_exchange(Exchange {
                auto_delete,
                ..Exchange::new(name, kind)
            });
        }
        Change::Delete(name) => return topology.delete_exchange(name),
        Change::AddQueue(name) => topology.add_queue(name.into()),
        Change::RemoveQueue(name) => return topology.remove_queue(name),
        Change::Bind(source, key, destination) => {
            let _ = topology.bind(binding(source, key, destination));
        }
        Change::Unbind(source, key, destination) => {
            return topology.unbind(&binding(source, key, destination));
        }
    }
    Removed::default()
}

const EXCHANGES: [&str; 4] = ["xa", "xb", "xc", "xd"];
const QUEUES: [&str; 3] = ["q1", "q2", "q3"];
const KEYS: [&str; 3] = ["", "a", "b"];

fn change() -> impl Strategy<Value = Change> {
    let exchange = || prop::sample::select(&EXCHANGES[..]);
    let queue = || prop::sample::select(&QUEUES[..]);
    let key = || prop::sample::select(&KEYS[..]);
    let kind = prop::sample::select(vec![
        ExchangeKind::Direct,
        ExchangeKind::Fanout,
        ExchangeKind::Topic,
    ]);
    let destination = || prop_oneof![exchange(), queue()];
    prop_oneof![
        3 => (exchange(), kind, any::<bool>())
            .prop_map(|(name, kind, auto_delete)| Change::Declare(name, kind, auto_delete)),
        1 => exchange().prop_map(Change::Delete),
        2 => queue().prop_map(Change::AddQueue),
        1 => queue().prop_map(Change::RemoveQueue),
        8 => (exchange(), key(), destination()).prop_map(|(from, key, to)| Change::Bind(from, key, to)),
        3 => (exchange(), key(), destination()).prop_map(|(from, key, to)| Change::Unbind(from, key, to)),
    ]
}

fn shape<'a>(bindings: impl Iterator<Item = &'a Arc<Binding>>) -> BTreeSet<[&'a str; 3]> {
    bindings
        .map(|binding| {
            [
                binding.source().as_str(),
                binding.routing_key(),
                binding.destination().name(),
            ]
        })
        .collect()
}

/// What a user can see of both is the same.
fn compare(topology: &Topology, plain: &Plain) -> Result<(), TestCaseError> {
    let expected: BTreeSet<_> = plain
        .bindings
        .iter()
        .map(|(from, key, to)| [*from, *key, *to])
        .collect();
    prop_assert_eq!(shape(topology.bindings()), expected.clone());
    for queue in QUEUES {
        prop_assert_eq!(topology.has_queue(queue), plain.queues.contains(queue));
        let to_queue = expected
            .iter()
            .filter(|[_, _, to]| *to == queue)
            .copied()
            .collect();
        prop_assert_eq!(shape(topology.bindings_to_queue(queue)), to_queue);
    }
    for exchange in EXCHANGES {
        prop_assert_eq!(
            topology.exchange(exchange).is_some(),
            plain.exchanges.contains_key(exchange)
        );
        let to_exchange = expected
            .iter()
            .filter(|[_, _, to]| *to == exchange)
            .copied()
            .collect();
        prop_assert_eq!(shape(topology.bindings_to_exchange(exchange)), to_exchange);
        for key in KEYS {
            prop_assert_eq!(
                queues(topology, exchange, &[key]),
                plain.route(exchange, key)
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn does_what_a_naive_model_does(changes in prop::collection::vec(change(), 1..80)) {
        let (mut topology, mut plain) = (Topology::new(), Plain::default());
        let mut kept = Vec::new();
        for change in &changes {
            let before = plain.clone();
            let removed = apply(&mut topology, change);
            plain.apply(change);
            let gone = before.bindings.difference(&plain.bindings).map(|(from, key, to)| [*from, *key, *to]);
            prop_assert_eq!(shape(removed.bindings.iter()), gone.collect());
            prop_assert_eq!(removed.bindings.len(), before.bindings.difference(&plain.bindings).count());
            let gone = before.exchanges.keys().filter(|name| !plain.exchanges.contains_key(*name));
            let removed: BTreeSet<_> = removed.exchanges.iter().map(ExchangeName::as_str).collect();
            prop_assert_eq!(removed, gone.copied().collect());
            kept.push((topology.clone(), plain.clone()));
        }
        for (topology, plain) in kept {
            compare(&topology, &plain)?;
        }
    }
}
