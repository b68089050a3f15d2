//! What pages load: styles, scripts, drawings. `build.rs` puts them into the binary, compressed.
//!
//! Addresses hold one hash over all of them, so that browsers may keep what they have got for ever, and modules
//! still find each other by relative paths: whatever changes, all get new addresses.

use std::io::{self, Read as _};

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;

use crate::refusal::Refusal;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A file of `static/`.
struct Asset {
    /// Its path in there.
    path: &'static str,
    gzip: &'static [u8],
}

/// Where a page at the first level finds the asset with this path in `static/`; pages below go up first.
pub(crate) fn address(path: &str) -> String {
    debug_assert!(find(path).is_some(), "no asset {path}");
    format!("static/{HASH}/{path}")
}

/// Where the console's pages, which lie a level deeper, find it.
pub(crate) fn from_page(path: &str) -> String {
    format!("../{}", address(path))
}

/// `GET /static/{hash}/{path}`
///
/// A page of another version, which is still open or comes from another node behind the same name, must not
/// get this version's file and keep it for ever: its hash is not found, and that answer is not kept.
pub(crate) async fn get(
    Path((hash, path)): Path<(String, String)>,
    asked: HeaderMap,
) -> Result<Response, Refusal> {
    let asset = find(&path).filter(|_| hash == HASH);
    let asset = asset.ok_or_else(Refusal::not_found)?;
    let headers = [
        (CONTENT_TYPE, asset.content_type()),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    if accepts_gzip(&asked) {
        let packed = [(CONTENT_ENCODING, "gzip")];
        return Ok((headers, packed, Bytes::from_static(asset.gzip)).into_response());
    }
    let plain = asset.unpack().map_err(|why| {
        tracing::error!("the asset {path}: {why}");
        Refusal::internal()
    })?;
    Ok((headers, plain).into_response())
}

fn find(path: &str) -> Option<&'static Asset> {
    let place = ALL.binary_search_by(|asset| asset.path.cmp(path));
    place.ok().map(|place| &ALL[place])
}

impl Asset {
    fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// For the rare client that takes nothing compressed: costs it a moment, and spares all a second copy.
    fn unpack(&self) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        GzDecoder::new(self.gzip).read_to_end(&mut plain)?;
        Ok(plain)
    }
}

/// Whether `gzip` is among what the client takes, and not with a weight of 0.
fn accepts_gzip(asked: &HeaderMap) -> bool {
    let lines = asked.get_all(ACCEPT_ENCODING).iter();
    let mut codings = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case("gzip") && weight.parse() != Ok(0.0)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use axum::body::to_bytes;
    use axum::http::HeaderValue;

    use super::*;

    async fn ask(hash: &str, path: &str, accepts: &'static str) -> Result<Response, Refusal> {
        let accepts = HeaderValue::from_static(accepts);
        let asked = HeaderMap::from_iter([(ACCEPT_ENCODING, accepts)]);
        get(Path((hash.to_owned(), path.to_owned())), asked).await
    }

    async fn body(response: Response) -> Bytes {
        to_bytes(response.into_body(), usize::MAX).await.unwrap()
    }

    #[tokio::test]
    async fn every_file_is_served_as_it_is() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("static");
        assert!(!ALL.is_empty());
        for asset in ALL {
            let file = fs::read(folder.join(asset.path)).unwrap();
            let plain = ask(HASH, asset.path, "identity").await.unwrap();
            assert!(!plain.headers().contains_key(CONTENT_ENCODING));
            assert_eq!(plain.headers()[CONTENT_TYPE], asset.content_type());
            assert_eq!(body(plain).await, file, "{}", asset.path);
            let packed = ask(HASH, asset.path, "br, gzip").await.unwrap();
            assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
            assert_eq!(body(packed).await, asset.gzip);
        }
    }

    #[tokio::test]
    async fn other_versions_and_files_are_not_found() {
        let path = ALL[0].path;
        for (hash, path) in [("0123456789ab", path), (HASH, "x.css"), (HASH, "")] {
            assert!(ask(hash, path, "gzip").await.is_err(), "{hash} {path}");
        }
    }

    #[test]
    fn types_go_by_the_name() {
        let check = |path, expected| assert_eq!(Asset { path, gzip: &[] }.content_type(), expected);
        check("a.css", "text/css; charset=utf-8");
        check("vendor/b.min.js", "text/javascript; charset=utf-8");
        check("c.svg", "image/svg+xml; charset=utf-8");
        check("vendor/LICENSE", "text/plain; charset=utf-8");
    }

    #[test]
    fn encodings_are_weighed() {
        let check = |accepts, expected| {
            let accepts = HeaderValue::from_static(accepts);
            let asked = HeaderMap::from_iter([(ACCEPT_ENCODING, accepts)]);
            assert_eq!(accepts_gzip(&asked), expected, "{asked:?}");
        };
        check("gzip", true);
        check("deflate, GZIP;q=0.5", true);
        check("gzip; q=0", false);
        check("gzip;q=0.000, br", false);
        check("br", false);
        check("", false);
    }
}
