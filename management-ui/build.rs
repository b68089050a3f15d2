//! Puts `static/` into the binary: every file compressed, and a table of them for `src/console/assets.rs`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

const FOLDER: &str = "static";

/// Bytes of the hash that stand in addresses: enough to tell versions apart, nobody is to be kept from forging one.
const HASH_BYTES: usize = 6;

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed={FOLDER}");
    let out = env::var_os("OUT_DIR").expect("cargo says where to write");
    let out = Path::new(&out);
    let mut hash = Sha256::new();
    let mut table = String::from("const ALL: &[Asset] = &[\n");
    for (number, path) in files()?.iter().enumerate() {
        let content = fs::read(Path::new(FOLDER).join(path))?;
        for part in [path.as_bytes(), &content] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let name = format!("{number}.gz");
        fs::write(out.join(&name), compress(&content)?)?;
        let row = format!("Asset {{ path: {path:?}, gzip: include_bytes!({name:?}) }}");
        writeln!(table, "    {row},").expect("a string has room");
    }
    let hash = hash.finalize();
    let digits = hash.iter().take(HASH_BYTES);
    let hash: String = digits.map(|byte| format!("{byte:02x}")).collect();
    let hash = format!("const HASH: &str = {hash:?};\n");
    fs::write(out.join("assets.rs"), hash + &table + "];\n")
}

/// Paths of all files for browsers below the folder, sorted, so that a path can be found by halving.
fn files() -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(Path::new(FOLDER).join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let text = path.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
            match entry.file_type()?.is_dir() {
                true => folders.push(path),
                false if is_for_browsers(text) => files.push(text.to_owned()),
                false => {}
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The rest is for people, or for the type checker.
fn is_for_browsers(path: &str) -> bool {
    ![".md", ".d.ts"].iter().any(|end| path.ends_with(end))
}

fn compress(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}
