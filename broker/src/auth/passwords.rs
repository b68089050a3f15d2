//! Password hashes: a slow one for new passwords, and the salted digests that definitions of
//! other brokers carry.
//!
//! ```text
//! argon2id   $argon2id$v=19$m=7168,t=5,p=1$<salt>$<hash>
//! bcrypt     $2b$<cost>$<salt and hash>
//! salted     base64( 4 bytes of salt ‖ digest(salt ‖ password) )
//! ```

use std::borrow::Cow;
use std::fmt;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use subtle::ConstantTimeEq as _;

/// Memory of one argon2id run, in KiB, and its passes over it.
const MEMORY_KIB: u32 = 7 * 1024;
const PASSES: u32 = 5;
const LANES: u32 = 1;

/// A hash that would take more than this to verify is refused.
const MAX_MEMORY_KIB: u32 = 64 * 1024;
const MAX_WORK_KIB: u64 = 1024 * 1024;

const SALT_BYTES: usize = 4;
/// A bcrypt hash that would take more than 2 to this power of rounds, a second or so, is refused.
const MAX_BCRYPT_COST: u32 = 14;
/// `$2b$NN$`, 22 characters of salt, 31 of hash.
const BCRYPT_BYTES: usize = 60;

/// How a stored password is recognised.
#[derive(Clone, PartialEq, Eq)]
pub enum PasswordHash {
    /// The user has no password and can't log in with one.
    Absent,
    /// Slow on purpose, in the PHC string format.
    Argon2id(Box<str>),
    /// Slow as well, as LavinMQ has it.
    Bcrypt(Box<str>),
    /// Salt and digest.
    Salted(Digest, Box<[u8]>),
}

/// The digest of a [`PasswordHash::Salted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// What RabbitMQ uses by default.
    Sha256,
    /// What RabbitMQ can be told to use.
    Sha512,
    /// What RabbitMQ used before 3.6.
    Md5,
}

/// The text is not a hash of the named algorithm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHash {
    /// Nobody knows the algorithm.
    #[error("unknown hashing algorithm '{0}'")]
    UnknownAlgorithm(String),
    /// Not what the algorithm produces.
    #[error("the password hash is not one of {0}")]
    Malformed(&'static str),
    /// Verifying it would take too much memory or time.
    #[error("the password hash asks for too much work")]
    TooExpensive,
}

/// How new passwords are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hashing {
    /// Slowly; no other broker can use the hash.
    Argon2id,
    /// As RabbitMQ does by default.
    RabbitSha256,
}

impl Hashing {
    /// Hashes a new password.
    pub fn hash(self, password: &[u8]) -> PasswordHash {
        match self {
            Self::Argon2id => PasswordHash::argon2id(password),
            Self::RabbitSha256 => PasswordHash::sha256(password),
        }
    }
}

const ARGON2ID: &str = "argon2id";
const BCRYPT: &str = "lavinmq_bcrypt";
/// Compat: what LavinMQ may put in front of a salted digest.
const DIGEST_PREFIXES: [&str; 2] = ["$5$", "$6$"];

impl Digest {
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha512, Self::Md5];

    /// As in the field `hashing_algorithm` of definitions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "rabbit_password_hashing_sha256",
            Self::Sha512 => "rabbit_password_hashing_sha512",
            Self::Md5 => "rabbit_password_hashing_md5",
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
            Self::Md5 => 16,
        }
    }

    fn salted(self, salt: &[u8], password: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => digest::<sha2::Sha256>(salt, password),
            Self::Sha512 => digest::<sha2::Sha512>(salt, password),
            Self::Md5 => digest::<md5::Md5>(salt, password),
        }
    }
}

fn digest<D: sha2::Digest>(salt: &[u8], password: &[u8]) -> Vec<u8> {
    let digest = D::new().chain_update(salt).chain_update(password);
    digest.finalize().to_vec()
}

impl PasswordHash {
    /// Hashes a new password slowly. Takes some 10 ms and 7 MiB.
    pub fn argon2id(password: &[u8]) -> Self {
        let hash: Phc = argon2()
            .hash_password(password)
            .expect("the parameters are valid and the system has random numbers");
        Self::Argon2id(hash.to_string().into())
    }

    /// Hashes a new password in the format that other brokers import.
    pub fn sha256(password: &[u8]) -> Self {
        let salt: [u8; SALT_BYTES] = rand::random();
        Self::with_salt(Digest::Sha256, salt, password)
    }

    fn with_salt(digest: Digest, salt: [u8; SALT_BYTES], password: &[u8]) -> Self {
        let mut bytes = salt.to_vec();
        bytes.extend(digest.salted(&salt, password));
        Self::Salted(digest, bytes.into())
    }

    /// Reads a stored or imported hash, in its own form or that of [`PasswordHash::exported`]. Empty is
    /// [`PasswordHash::Absent`]; no algorithm is SHA-256, unless the text says that it is bcrypt.
    ///
    /// # Errors
    /// When the text is no such hash.
    pub fn parse(text: &str, algorithm: Option<&str>) -> Result<Self, BadHash> {
        if text.is_empty() {
            return Ok(Self::Absent);
        }
        let digest = match algorithm {
            None if text.starts_with("$2") => return parse_bcrypt(text),
            None => Digest::Sha256,
            Some(ARGON2ID) => return parse_argon2id(&unwrapped(text)),
            Some(BCRYPT) => return parse_bcrypt(&unwrapped(text)),
            Some(name) => Digest::ALL
                .into_iter()
                .find(|digest| digest.name() == name)
                .ok_or_else(|| BadHash::UnknownAlgorithm(name.to_owned()))?,
        };
        let mut prefixes = DIGEST_PREFIXES.into_iter();
        let bare = prefixes.find_map(|prefix| text.strip_prefix(prefix));
        match BASE64_STANDARD.decode(bare.unwrap_or(text)) {
            Ok(bytes) if bytes.len() == SALT_BYTES + digest.len() => {
                Ok(Self::Salted(digest, bytes.into()))
            }
            _ => Err(BadHash::Malformed(digest.name())),
        }
    }

    /// The text to store.
    pub fn text(&self) -> String {
        match self {
            Self::Absent => String::new(),
            Self::Argon2id(text) | Self::Bcrypt(text) => text.to_string(),
            Self::Salted(_, bytes) => BASE64_STANDARD.encode(bytes),
        }
    }

    /// The text to export: base64, whatever the format, because RabbitMQ refuses a file with anything else.
    pub fn exported(&self) -> String {
        match self {
            Self::Argon2id(text) | Self::Bcrypt(text) => BASE64_STANDARD.encode(text.as_bytes()),
            Self::Absent | Self::Salted(..) => self.text(),
        }
    }

    /// The name to store and export beside the text.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Absent => Digest::Sha256.name(),
            Self::Argon2id(_) => ARGON2ID,
            Self::Bcrypt(_) => BCRYPT,
            Self::Salted(digest, _) => digest.name(),
        }
    }

    /// Is it the hash of `password`?
    ///
    /// A wrong password always costs one slow hash, whatever the format, so that it takes as long
    /// as an unknown user ([`verify_nobody`]).
    pub fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2id(text) => verify_argon2id(text, password),
            Self::Salted(digest, bytes) if verify_salted(*digest, bytes, password) => true,
            Self::Bcrypt(text) if bcrypt::verify(password, text).unwrap_or(false) => true,
            Self::Absent | Self::Salted(..) | Self::Bcrypt(_) => {
                verify_nobody(password);
                false
            }
        }
    }
}

impl fmt::Debug for PasswordHash {
    /// Hashes stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({})", self.algorithm())
    }
}

/// Spends the time that verifying a wrong password takes.
pub fn verify_nobody(password: &[u8]) {
    let mut hash = [0; 32];
    let hashed = argon2().hash_password_into(password, b"nobody's salt", &mut hash);
    debug_assert!(hashed.is_ok());
    std::hint::black_box(hash);
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn parse_argon2id(text: &str) -> Result<PasswordHash, BadHash> {
    let malformed = || BadHash::Malformed(ARGON2ID);
    let hash = Phc::new(text).map_err(|_| malformed())?;
    let params = Params::try_from(&hash).map_err(|_| malformed())?;
    if hash.algorithm.as_str() != ARGON2ID || hash.salt.is_none() || hash.hash.is_none() {
        return Err(malformed());
    }
    let work_kib = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > MAX_MEMORY_KIB || work_kib > MAX_WORK_KIB {
        return Err(BadHash::TooExpensive);
    }
    Ok(PasswordHash::Argon2id(text.into()))
}

fn parse_bcrypt(text: &str) -> Result<PasswordHash, BadHash> {
    let malformed = || BadHash::Malformed(BCRYPT);
    let parts: bcrypt::HashParts = text.parse().map_err(|_| malformed())?;
    if text.len() != BCRYPT_BYTES {
        return Err(malformed());
    }
    match parts.get_cost() <= MAX_BCRYPT_COST {
        true => Ok(PasswordHash::Bcrypt(text.into())),
        false => Err(BadHash::TooExpensive),
    }
}

/// The hash's own text, if it comes in base64.
fn unwrapped(text: &str) -> Cow<'_, str> {
    let decoded = BASE64_STANDARD.decode(text).ok();
    match decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(own) if own.starts_with('$') => own.into(),
        _ => text.into(),
    }
}

fn verify_argon2id(text: &str, password: &[u8]) -> bool {
    // `Phc` compares its outputs in constant time.
    Phc::new(text).is_ok_and(|hash| argon2().verify_password(password, &hash).is_ok())
}

fn verify_salted(digest: Digest, bytes: &[u8], password: &[u8]) -> bool {
    let (salt, expected) = bytes.split_at(SALT_BYTES);
    digest.salted(salt, password).ct_eq(expected).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: Option<&str> = Some("rabbit_password_hashing_sha256");

    #[test]
    fn a_known_hash_is_recognised() {
        let text = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";
        let hash = PasswordHash::parse(text, SHA256).unwrap();
        assert!(hash.verify(b"test12"));
        assert!(!hash.verify(b"test13"));
        assert_eq!(hash.text(), text);
        let salt = [0x90, 0x8d, 0xc6, 0x0a];
        assert_eq!(
            PasswordHash::with_salt(Digest::Sha256, salt, b"test12"),
            hash
        );
    }

    #[test]
    fn every_format_comes_back_from_its_text() {
        let salted = |digest| PasswordHash::with_salt(digest, [1, 2, 3, 4], b"secret");
        let hashes = Digest::ALL.into_iter().map(salted);
        for hash in hashes.chain([PasswordHash::argon2id(b"secret")]) {
            let again = PasswordHash::parse(&hash.text(), Some(hash.algorithm())).unwrap();
            assert_eq!(again, hash);
            assert!(again.verify(b"secret"), "{hash:?}");
            assert!(!again.verify(b"Secret"), "{hash:?}");
        }
    }

    #[test]
    fn an_exported_hash_is_base64_and_comes_back() {
        let bcrypt = "$2a$04$S/U.0DYWgy5uMvW/YI9bHOpEvIPZqIlSAIRzFeF1JPYYADy5sX9aC";
        for hash in [
            PasswordHash::Absent,
            PasswordHash::sha256(b"secret"),
            PasswordHash::argon2id(b"secret"),
            PasswordHash::parse(bcrypt, Some(BCRYPT)).unwrap(),
        ] {
            let exported = hash.exported();
            assert!(BASE64_STANDARD.decode(&exported).is_ok(), "{hash:?}");
            let again = PasswordHash::parse(&exported, Some(hash.algorithm()));
            assert_eq!(again, Ok(hash));
        }
    }

    #[test]
    fn a_bcrypt_hash_is_recognised() {
        let text = bcrypt::hash("secret", 4).unwrap();
        for algorithm in [Some(BCRYPT), None] {
            let hash = PasswordHash::parse(&text, algorithm).unwrap();
            assert!(hash.verify(b"secret"));
            assert!(!hash.verify(b"Secret"));
            assert_eq!(hash.text(), text);
        }
    }

    #[test]
    fn prefixes_of_lavinmq_are_dropped() {
        let hash = PasswordHash::sha256(b"p");
        let prefixed = format!("$5${}", hash.text());
        assert_eq!(PasswordHash::parse(&prefixed, None), Ok(hash));
    }

    #[test]
    fn salts_differ() {
        assert_ne!(PasswordHash::sha256(b"p"), PasswordHash::sha256(b"p"));
        assert_ne!(PasswordHash::argon2id(b"p"), PasswordHash::argon2id(b"p"));
    }

    #[test]
    fn no_hash_fits_no_password() {
        let absent = PasswordHash::parse("", SHA256).unwrap();
        assert_eq!(absent, PasswordHash::Absent);
        assert!(!absent.verify(b""));
    }

    #[test]
    fn a_missing_algorithm_is_sha256() {
        let hash = PasswordHash::sha256(b"p");
        assert_eq!(PasswordHash::parse(&hash.text(), None), Ok(hash));
    }

    #[test]
    fn malformed_hashes_are_refused() {
        let check = |text: &str, algorithm: &str| {
            assert!(
                PasswordHash::parse(text, Some(algorithm)).is_err(),
                "{text}"
            );
        };
        check("!!!", "rabbit_password_hashing_sha256");
        check("AAAA", "rabbit_password_hashing_sha256");
        check(
            &PasswordHash::sha256(b"p").text(),
            "rabbit_password_hashing_md5",
        );
        check(&PasswordHash::sha256(b"p").text(), "argon2id");
        check("$argon2id$v=19$m=7168,t=5,p=1", "argon2id");
        check("x", "bcrypt");
        check("x", BCRYPT);
        check("$2b$04$short", BCRYPT);
    }

    #[test]
    fn a_hash_that_asks_for_gigabytes_is_refused() {
        let text = PasswordHash::argon2id(b"p").text();
        let greedy = text.replace("m=7168", "m=4194304");
        let refused = PasswordHash::parse(&greedy, Some(ARGON2ID));
        assert_eq!(refused, Err(BadHash::TooExpensive));
        let text = bcrypt::hash("secret", 4).unwrap();
        let greedy = text.replacen("$04$", "$31$", 1);
        let refused = PasswordHash::parse(&greedy, Some(BCRYPT));
        assert_eq!(refused, Err(BadHash::TooExpensive));
    }

    #[test]
    fn debug_output_shows_no_hash() {
        let hash = PasswordHash::sha256(b"p");
        assert!(!format!("{hash:?}").contains(&hash.text()));
    }
}
