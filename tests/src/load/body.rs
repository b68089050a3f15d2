//! The bytes of a message: they tell which one it is, and all of them follow from that.

use std::sync::OnceLock;

use super::ledger::Id;

/// The longest filler.
pub(super) const FILLER_BYTES_MAX: usize = 2 << 20;
/// Fillers begin at different places of the pattern.
const STARTS: usize = 1 << 16;

/// The head `publisher sequence length` and as many bytes.
pub(super) fn encode(id: Id, length: usize) -> Vec<u8> {
    let mut body = format!("{} {} {length}\n", id.publisher, id.sequence).into_bytes();
    body.extend(filler(id, length));
    body
}

/// Reads a body that `encode` made, and checks every byte of it.
pub(super) fn decode(body: &[u8]) -> Id {
    let end = body.iter().position(|&byte| byte == b'\n');
    let end = end.expect("a head and its end");
    let head = std::str::from_utf8(&body[..end]).expect("a head of text");
    let numbers = head.split(' ').map(|number| number.parse::<u64>());
    let numbers: Result<Vec<u64>, _> = numbers.collect();
    let numbers = numbers.expect("numbers");
    let id = Id {
        publisher: numbers[0],
        sequence: numbers[1],
    };
    let expected = filler(id, numbers[2] as usize);
    assert!(
        expected == &body[end + 1..],
        "the body of {id:?} is damaged"
    );
    id
}

fn filler(id: Id, length: usize) -> &'static [u8] {
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    let pattern = PATTERN.get_or_init(|| {
        let mut state = 1_u64;
        let byte = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        (0..FILLER_BYTES_MAX + STARTS).map(byte).collect()
    });
    let start = id.publisher.wrapping_mul(7919) ^ id.sequence.wrapping_mul(31);
    &pattern[start as usize % STARTS..][..length]
}
