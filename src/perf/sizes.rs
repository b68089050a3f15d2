//! Bodies of several sizes, mixed in given shares.

use std::str::FromStr;

/// The largest body, in bytes.
const MAX_BYTES: usize = 128 << 20;

/// A size and its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weighted {
    pub(super) bytes: usize,
    share: u32,
}

impl FromStr for Weighted {
    type Err = &'static str;

    /// `BYTES` or `BYTES:SHARE`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (bytes, share) = text.split_once(':').unwrap_or((text, "1"));
        let bytes = bytes.parse().map_err(|_| "its size is no number")?;
        let share = share.parse().map_err(|_| "its share is no number")?;
        if bytes > MAX_BYTES {
            return Err("it is larger than 128 MiB");
        }
        match share {
            1..=1_000 => Ok(Self { bytes, share }),
            _ => Err("its share must be 1 to 1000"),
        }
    }
}

/// The sizes in an order in which each has its share and none comes in lumps; then from the first again.
pub(super) fn cycle(sizes: &[Weighted]) -> Vec<usize> {
    let divisor = sizes
        .iter()
        .fold(0, |divisor, size| gcd(divisor, size.share));
    let shares: Vec<i64> = sizes
        .iter()
        .map(|size| i64::from(size.share / divisor.max(1)))
        .collect();
    let total: i64 = shares.iter().sum();
    let mut credit = vec![0; sizes.len()];
    let mut next = || {
        for (credit, share) in credit.iter_mut().zip(&shares) {
            *credit += share;
        }
        // The first of those with most credit, so that equal shares keep their order.
        let best = (0..credit.len()).max_by_key(|&index| (credit[index], -(index as i64)))?;
        credit[best] -= total;
        Some(sizes[best].bytes)
    };
    (0..total).filter_map(|_| next()).collect()
}

/// The greatest common divisor.
pub(super) fn gcd(a: u32, b: u32) -> u32 {
    match b {
        0 => a,
        _ => gcd(b, a % b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str], expected: &[usize]) {
        let sizes: Vec<_> = texts.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(cycle(&sizes), expected, "{texts:?}");
    }

    #[test]
    fn shares_are_spread() {
        check(&["16"], &[16]);
        check(&["100", "200"], &[100, 200]);
        check(&["100:80", "10000:20"], &[100, 100, 10_000, 100, 100]);
        check(&["1:2", "2:1", "3:1"], &[1, 2, 3, 1]);
    }

    #[test]
    fn wrong_sizes() {
        for wrong in [
            "",
            "x",
            "16:",
            "16:0",
            "16:1001",
            "16:x",
            "1000000000",
            "-1",
        ] {
            assert!(Weighted::from_str(wrong).is_err(), "{wrong}");
        }
    }
}
