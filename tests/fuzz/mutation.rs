//! Making valid bytes a little wrong.

use rand::Rng;
use rand::rngs::SmallRng;

/// Values that sit at the edge of some length, sign or frame.
const EDGES: [u32; 12] = [
    0,
    1,
    0x7F,
    0x80,
    0xCE,
    0xFF,
    0x7FFF,
    0xFFFF,
    131_064,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
];

/// Changes `bytes` in one to four places; `other` lends material.
pub(crate) fn mutate(random: &mut SmallRng, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..random.random_range(1..=4) {
        if bytes.is_empty() {
            bytes.push(random.random());
        }
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..9) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 => bytes[at] = EDGES[random.random_range(0..6)] as u8,
            3 => overwrite(
                bytes,
                at,
                &EDGES[random.random_range(0..EDGES.len())].to_be_bytes(),
            ),
            4 => bytes.truncate(at),
            5 => drop(bytes.drain(at..end_of_run(random, bytes, at))),
            6 => {
                let run = bytes[at..end_of_run(random, bytes, at)].to_vec();
                bytes.splice(at..at, run);
            }
            7 => {
                let run: Vec<u8> = (0..random.random_range(1..20))
                    .map(|_| random.random())
                    .collect();
                bytes.splice(at..at, run);
            }
            _ => {
                bytes.truncate(at);
                bytes.extend(&other[random.random_range(0..=other.len())..]);
            }
        }
    }
}

fn overwrite(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (place, byte) in bytes[at..].iter_mut().zip(value) {
        *place = *byte;
    }
}

fn end_of_run(random: &mut SmallRng, bytes: &[u8], at: usize) -> usize {
    at + random.random_range(1..=(bytes.len() - at).min(40))
}
