//! What the hashing exchanges share: hashes that stay the same, and the jump consistent hash.
//!
//! Hashes are XXH3-64 with seed 0. Which queue a key belongs to must survive restarts and upgrades, and
//! this function is fixed by its specification.

use ferrymq_amqp::RawValue;
use twox_hash::XxHash3_64;

/// What a message hashes to when it lacks the header or property.
pub(crate) const MISSING: &[u8] = b"";

/// The hash of a message's routing keys, all of them together: such an exchange picks one destination.
pub(crate) fn routing_keys(keys: &[&str]) -> u64 {
    keys.iter().fold(0, |seed, key| {
        XxHash3_64::oneshot_with_seed(seed, key.as_bytes())
    })
}

/// The hash of one value.
pub(crate) fn bytes(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// The hash of a number, whatever its width was.
pub(crate) fn integer(value: i128) -> u64 {
    bytes(&value.to_le_bytes())
}

/// The hash of a header's value: of what it is worth, whatever integer, float or string type it came as.
pub(crate) fn value(value: RawValue<'_>) -> u64 {
    if let Some(number) = value.integer() {
        return integer(number.into());
    }
    match value {
        RawValue::LongString(text) | RawValue::ByteArray(text) => bytes(text),
        RawValue::Boolean(value) => bytes(&[u8::from(value)]),
        RawValue::Float(value) => bytes(&f64::from(value).to_le_bytes()),
        RawValue::Double(value) => bytes(&value.to_le_bytes()),
        RawValue::Decimal { scale, value } => integer(i128::from(value) << 8 | i128::from(scale)),
        RawValue::Timestamp(seconds) => integer(seconds.into()),
        RawValue::Table(table) => bytes(table.as_bytes()),
        RawValue::Array(array) => array.iter().map(self::value).fold(0, |seed, hash| {
            XxHash3_64::oneshot_with_seed(seed, &hash.to_le_bytes())
        }),
        _ => bytes(MISSING),
    }
}

/// The bucket of `hash` among `buckets`: when one more is added, only every n-th hash moves, and to the new
/// one (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm").
pub(crate) fn jump(mut hash: u64, buckets: u64) -> Option<u64> {
    let (mut bucket, mut next) = (None, 0);
    while next < buckets {
        bucket = Some(next);
        hash = hash.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let draw = (1_u64 << 31) as f64 / ((hash >> 33) + 1) as f64;
        next = ((next + 1) as f64 * draw) as u64;
    }
    bucket
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_never_change() {
        // The value from the specification's own test vectors.
        assert_eq!(bytes(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(routing_keys(&["orders"]), bytes(b"orders"));
        assert_ne!(routing_keys(&["a", "b"]), routing_keys(&["b", "a"]));
        assert_ne!(routing_keys(&["a", "b"]), routing_keys(&["ab"]));
    }

    #[test]
    fn values_hash_by_what_they_are_worth() {
        let long = value(RawValue::LongLongInt(5));
        assert_eq!(value(RawValue::ShortShortUInt(5)), long);
        assert_eq!(value(RawValue::Timestamp(5)), long);
        assert_eq!(value(RawValue::LongString(b"k")), bytes(b"k"));
        assert_eq!(value(RawValue::Float(0.5)), value(RawValue::Double(0.5)));
        assert_eq!(value(RawValue::Void), bytes(MISSING));
    }

    #[test]
    fn jumps_where_the_paper_says() {
        let check = |hash, buckets, bucket| assert_eq!(jump(hash, buckets), bucket);
        check(1, 0, None);
        check(1, 1, Some(0));
        check(42, 57, Some(43));
        check(0xdead_10cc, 1, Some(0));
        check(0xdead_10cc, 666, Some(361));
        check(256, 1024, Some(520));
    }

    #[test]
    fn a_new_bucket_takes_its_share_and_nothing_else_moves() {
        let hashes = || (0..10_000_u64).map(|number| bytes(&number.to_le_bytes()));
        let moved: Vec<_> = hashes()
            .filter(|hash| jump(*hash, 9) != jump(*hash, 10))
            .collect();
        assert!(moved.iter().all(|hash| jump(*hash, 10) == Some(9)));
        assert!((900..1_100).contains(&moved.len()), "{}", moved.len());
    }
}
