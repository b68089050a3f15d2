//! What bodies are filled with.

use super::args::Body;
use super::random::Random;

/// Letters by how often they are used, roughly, and spaces between them.
const LETTERS: &[u8; 32] = b"eeeetttaaaooiinnsshhrrdlluc     ";

/// A body of `bytes` bytes.
pub(super) fn fill(body: Body, bytes: usize, random: &mut Random) -> Vec<u8> {
    match body {
        Body::Counting => (0..bytes).map(|index| index as u8).collect(),
        Body::Zeros => vec![0; bytes],
        Body::Random => (0..bytes).map(|_| random.next() as u8).collect(),
        Body::Text => (0..bytes)
            .map(|_| LETTERS[random.next() as usize % LETTERS.len()])
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_their_size() {
        let mut random = Random::new(1);
        for body in [Body::Counting, Body::Zeros, Body::Random, Body::Text] {
            for bytes in [0, 1, 1_000] {
                assert_eq!(fill(body, bytes, &mut random).len(), bytes);
            }
        }
        let text = fill(Body::Text, 1_000, &mut random);
        assert!(
            text.iter()
                .all(|&byte| byte == b' ' || byte.is_ascii_lowercase())
        );
        let noise = fill(Body::Random, 1_000, &mut random);
        assert!((0..=255).filter(|byte| noise.contains(byte)).count() > 200);
    }
}
