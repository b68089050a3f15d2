//! Payloads that are packed, unpacked up to a bound: a small one may hold much.

use std::io::Read;

use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;

/// What a gzip file begins with,
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// and a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// A zstd frame that asks for a larger window is not unpacked. No level needs more unless it is asked to.
const MAX_ZSTD_WINDOW_BYTES: u64 = 8 << 20;

/// What was packed.
#[derive(Debug)]
pub struct Unpacked {
    /// By what: `gzip`, `deflate` or `zstd`.
    pub kind: &'static str,
    /// What was in it.
    pub bytes: Vec<u8>,
    /// Is that all?
    pub complete: bool,
}

/// The first `most` bytes in a payload that says by its content encoding that it is packed, or looks so; `None`: it is not.
pub fn unpack(sent: &[u8], encoding: &str, most: usize) -> Option<Unpacked> {
    let gzip = || read("gzip", GzDecoder::new(sent), most);
    let zstd = || {
        let decoder = StreamingDecoder::new_with_max_window_size(sent, MAX_ZSTD_WINDOW_BYTES);
        read("zstd", decoder.ok()?, most)
    };
    match encoding.to_ascii_lowercase().as_str() {
        // By the book it is zlib; many send it bare.
        "deflate" => read("deflate", ZlibDecoder::new(sent), most)
            .or_else(|| read("deflate", DeflateDecoder::new(sent), most)),
        "gzip" | "x-gzip" => gzip(),
        "zstd" => zstd(),
        _ if sent.starts_with(&GZIP) => gzip(),
        _ if sent.starts_with(&ZSTD) => zstd(),
        _ => None,
    }
}

fn read(kind: &'static str, packed: impl Read, most: usize) -> Option<Unpacked> {
    let mut bytes = Vec::new();
    let ended = packed.take(most as u64 + 1).read_to_end(&mut bytes);
    let complete = ended.is_ok() && bytes.len() <= most;
    bytes.truncate(most);
    (ended.is_ok() || !bytes.is_empty()).then_some(Unpacked {
        kind,
        bytes,
        complete,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    const MOST: usize = 64 * 1024;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn check(sent: &[u8], encoding: &str, expected: Option<(&str, &[u8], bool)>) {
        let found = unpack(sent, encoding, MOST);
        let found = found
            .as_ref()
            .map(|found| (found.kind, &*found.bytes, found.complete));
        assert_eq!(found, expected, "{encoding}");
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let text = br#"{"packed":true}"#;
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(text).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(text).unwrap();
        for (sent, encoding, kind) in [
            (gzip(text), "gzip", "gzip"),
            (gzip(text), "", "gzip"),
            (zlib.finish().unwrap(), "deflate", "deflate"),
            (bare.finish().unwrap(), "deflate", "deflate"),
            (zstd(text), "zstd", "zstd"),
            (zstd(text), "", "zstd"),
        ] {
            check(&sent, encoding, Some((kind, text, true)));
        }
        check(b"not packed", "gzip", None);
        check(b"not packed", "zstd", None);
        check(b"not packed", "", None);
    }

    #[test]
    fn much_in_little_is_cut() {
        let much = vec![b'a'; 4 * MOST];
        let cut = &much[..MOST];
        check(&gzip(&much), "", Some(("gzip", cut, false)));
        check(&zstd(&much), "", Some(("zstd", cut, false)));
    }

    #[test]
    fn what_is_broken_is_shown_as_far_as_it_goes() {
        let sent = gzip(b"some text");
        check(
            &sent[..sent.len() - 4],
            "",
            Some(("gzip", b"some text", false)),
        );
        let sent = zstd(&[b'a'; 100]);
        check(&sent[..sent.len() / 2], "", None);
    }

    #[test]
    fn a_window_that_is_too_large_is_refused() {
        // A frame header alone: a window of 128 MiB, then an empty last block.
        let sent = [&ZSTD[..], &[0x00, 17 << 3, 0x01, 0x00, 0x00]].concat();
        check(&sent, "", None);
        let sent = [&ZSTD[..], &[0x00, 13 << 3, 0x01, 0x00, 0x00]].concat();
        check(&sent, "", Some(("zstd", b"", true)));
    }
}
