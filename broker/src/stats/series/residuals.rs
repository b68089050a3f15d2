//! Numbers near 0, one after the other, packed: the newest are added, the oldest leave.
//!
//! ```text
//! number ≠ 0      its zigzag form, 7 bits per byte, the lowest first
//! run of zeros    a byte 0, then how many, 7 bits per byte
//! ```
//! The last run of zeros is a plain number beside the bytes: it may still grow.

use std::collections::VecDeque;

/// Room that is added when there is none, at least.
const MORE_BYTES: usize = 16;

/// A queue of numbers.
#[derive(Debug, Default)]
pub(super) struct Residuals {
    bytes: VecDeque<u8>,
    /// Zeros behind what is in `bytes`.
    zeros: u32,
    len: u32,
}

/// What stands in the bytes.
#[derive(Debug, Clone, Copy)]
enum Token {
    Number(i64),
    Zeros(u32),
}

impl Residuals {
    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// The memory they take beside the struct itself.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Adds one.
    pub(super) fn push(&mut self, number: i64) {
        if number == 0 {
            return self.push_zeros(1);
        }
        if self.zeros > 0 {
            let zeros = std::mem::take(&mut self.zeros);
            self.put(0);
            self.put_varint(zeros.into());
        }
        self.len += 1;
        self.put_varint(zigzag(number));
    }

    /// Adds `count` zeros.
    pub(super) fn push_zeros(&mut self, count: u32) {
        self.zeros += count;
        self.len += count;
    }

    /// Removes the oldest ones until `len` are left.
    pub(super) fn truncate_front(&mut self, len: u32) {
        while self.len > len {
            let surplus = self.len - len;
            match take(&mut self.bytes) {
                None => {
                    self.zeros -= surplus;
                    self.len = len;
                }
                Some(Token::Number(_)) => self.len -= 1,
                Some(Token::Zeros(count)) => {
                    let gone = count.min(surplus);
                    self.len -= gone;
                    self.put_back(count - gone);
                }
            }
        }
        if self.bytes.is_empty() {
            self.bytes = VecDeque::new();
        }
    }

    /// All of them, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = i64> {
        let mut bytes = self.bytes.iter().copied();
        let mut zeros = 0;
        let mut last = self.zeros;
        std::iter::from_fn(move || {
            loop {
                if zeros > 0 {
                    zeros -= 1;
                    return Some(0);
                }
                match read(&mut bytes) {
                    Some(Token::Number(number)) => return Some(number),
                    Some(Token::Zeros(count)) => zeros = count,
                    None if last > 0 => zeros = std::mem::take(&mut last),
                    None => return None,
                }
            }
        })
    }

    /// Puts a run of zeros, of which some left, back to the front: it takes no more room than before.
    fn put_back(&mut self, zeros: u32) {
        if zeros == 0 {
            return;
        }
        let mut buffer = [0; VARINT_BYTES];
        let used = encode(zeros.into(), &mut buffer);
        for byte in buffer[..used].iter().rev() {
            self.bytes.push_front(*byte);
        }
        self.bytes.push_front(0);
    }

    fn put_varint(&mut self, number: u64) {
        let mut buffer = [0; VARINT_BYTES];
        let used = encode(number, &mut buffer);
        for byte in &buffer[..used] {
            self.put(*byte);
        }
    }

    /// Grows by an eighth, where a deque would double.
    fn put(&mut self, byte: u8) {
        if self.bytes.len() == self.bytes.capacity() {
            let more = MORE_BYTES.max(self.bytes.len() / 8);
            self.bytes.reserve_exact(more);
        }
        self.bytes.push_back(byte);
    }
}

/// The longest form of 64 bits.
const VARINT_BYTES: usize = 10;

fn encode(mut number: u64, buffer: &mut [u8; VARINT_BYTES]) -> usize {
    let mut used = 0;
    while number >= 0x80 {
        buffer[used] = number as u8 | 0x80;
        number >>= 7;
        used += 1;
    }
    buffer[used] = number as u8;
    used + 1
}

fn take(bytes: &mut VecDeque<u8>) -> Option<Token> {
    read(&mut std::iter::from_fn(|| bytes.pop_front()))
}

fn read(bytes: &mut impl Iterator<Item = u8>) -> Option<Token> {
    let token = match read_varint(bytes)? {
        0 => Token::Zeros(read_varint(bytes).expect("a count follows") as u32),
        number => Token::Number(unzigzag(number)),
    };
    Some(token)
}

fn read_varint(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes.next()?;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
}

/// Small numbers of either sign become small ones without.
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![Just(0), -70_i64..70, any::<i64>()]
    }

    proptest! {
        #[test]
        fn they_are_a_queue(steps in prop::collection::vec((number(), 0_u32..300, 0_u32..40), 1..200)) {
            let mut residuals = Residuals::default();
            let mut list = VecDeque::new();
            for (number, zeros, keep) in steps {
                residuals.push(number);
                list.push_back(number);
                if zeros > 250 {
                    residuals.push_zeros(zeros);
                    list.extend(std::iter::repeat_n(0, zeros as usize));
                }
                residuals.truncate_front(keep * 8);
                while list.len() > keep as usize * 8 {
                    list.pop_front();
                }
                prop_assert_eq!(residuals.len() as usize, list.len());
                prop_assert!(residuals.iter().eq(list.iter().copied()));
            }
        }
    }

    #[test]
    fn zeros_cost_nothing() {
        let mut residuals = Residuals::default();
        residuals.push_zeros(1_000);
        assert_eq!(residuals.bytes(), 0);
        residuals.push(5);
        residuals.truncate_front(1);
        assert_eq!(residuals.iter().collect::<Vec<_>>(), [5]);
        residuals.truncate_front(0);
        assert_eq!((residuals.bytes(), residuals.len()), (0, 0));
    }
}
