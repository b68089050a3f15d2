//! Keys of definitions: a kind, then names, each closed so that no name can run into the next.
//!
//! ```text
//! kind u8 │ name, its 00 as 00 01 │ 00 00 │ next name … │ 00 00
//! ```
//!
//! Keys sort by kind, then by name after name; everything of a vhost is one range per kind. They
//! are never read back: values repeat the names.

/// What a definition is of. In this order they can be put back: each needs only earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    VHost = 1,
    User = 2,
    Permission = 3,
    TopicPermission = 4,
    GlobalParameter = 5,
    Parameter = 6,
    Policy = 7,
    Exchange = 8,
    Queue = 9,
    ExchangeQueue = 10,
    Binding = 11,
    PausedQueue = 12,
}

/// The key of the definition of `kind` with these names.
pub(super) fn encode(kind: Kind, names: &[&str]) -> Vec<u8> {
    let bytes: usize = names.iter().map(|name| name.len() + 2).sum();
    let mut key = Vec::with_capacity(1 + bytes);
    key.push(kind as u8);
    for name in names {
        for byte in name.bytes() {
            key.push(byte);
            if byte == 0 {
                key.push(1);
            }
        }
        key.extend_from_slice(&[0, 0]);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_told_apart() {
        let key = |names: &[&str]| encode(Kind::Binding, names);
        assert_ne!(key(&["a", "bc"]), key(&["ab", "c"]));
        assert_ne!(key(&["", "a"]), key(&["a", ""]));
        assert_ne!(key(&["a\0", "b"]), key(&["a", "\0b"]));
        assert_ne!(key(&["a"]), encode(Kind::Queue, &["a"]));
    }

    #[test]
    fn a_vhost_is_one_range() {
        let of_vhost = encode(Kind::Queue, &["/"]);
        assert!(encode(Kind::Queue, &["/", "q"]).starts_with(&of_vhost));
        assert!(!encode(Kind::Queue, &["/a", "q"]).starts_with(&of_vhost));
        assert!(!encode(Kind::Queue, &["/\0", "q"]).starts_with(&of_vhost));
    }

    proptest! {
        #[test]
        fn keys_sort_as_their_names(a in names(), b in names()) {
            prop_assert_eq!(key_of(&a).cmp(&key_of(&b)), a.cmp(&b));
        }
    }

    fn names() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[\0\u{1}ab]{0,3}", 2)
    }

    fn key_of(names: &[String]) -> Vec<u8> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        encode(Kind::Queue, &names)
    }
}
