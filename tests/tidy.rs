//! What the compiler does not check: formatting, headers, unfinished work, crate directions, files
//! that nothing refers to, licences of dependencies. Prints the longest files and functions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which of our crates each may use. An arrow missing here is missing on purpose.
const DIRECTIONS: [(&str, &[&str]); 7] = [
    ("ferrymq-amqp", &[]),
    ("ferrymq-store", &[]),
    ("ferrymq-routing", &["ferrymq-amqp"]),
    (
        "ferrymq-broker",
        &["ferrymq-amqp", "ferrymq-routing", "ferrymq-store"],
    ),
    ("ferrymq-management-ui", &["ferrymq-broker"]),
    (
        "ferrymq",
        &[
            "ferrymq-amqp",
            "ferrymq-broker",
            "ferrymq-management-ui",
            "ferrymq-store",
        ],
    ),
    (
        "ferrymq-tests",
        &[
            "ferrymq-amqp",
            "ferrymq-broker",
            "ferrymq-routing",
            "ferrymq-store",
        ],
    ),
];

/// What a crate must never use: it would do what is another's work.
const FORBIDDEN: [(&str, &[&str]); 4] = [
    ("ferrymq-amqp", &["tokio", "parking_lot", "rustix"]),
    ("ferrymq-routing", &["tokio", "parking_lot", "rustix"]),
    ("ferrymq-store", &["amq-protocol"]),
    (
        "ferrymq-broker",
        &["hyper", "hyper-util", "axum", "tower-http"],
    ),
];

/// Folders of built or installed files.
const FOREIGN_FOLDERS: [&str; 3] = ["target", "__pycache__", "node_modules"];

const TEXT_EXTENSIONS: [&str; 10] = [
    "rs", "toml", "md", "sh", "py", "html", "css", "js", "txt", "ini",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace's folder")
}

/// Every file of the repository except built, installed and hidden ones, relative to its root.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || FOREIGN_FOLDERS.contains(&name.as_str()) {
                continue;
            }
            match entry.file_type().expect("a file type").is_dir() {
                true => folders.push(entry.path()),
                false => files.push(relative(&entry.path())),
            }
        }
    }
    files.sort();
    files
}

fn relative(path: &Path) -> PathBuf {
    path.strip_prefix(root()).unwrap_or(path).to_owned()
}

fn has_extension(file: &Path, extensions: &[&str]) -> bool {
    file.extension()
        .is_some_and(|own| extensions.iter().any(|extension| own == *extension))
}

fn rust_files() -> Vec<PathBuf> {
    files()
        .into_iter()
        .filter(|file| has_extension(file, &["rs"]))
        .collect()
}

fn read(file: &Path) -> String {
    let text = fs::read_to_string(root().join(file));
    text.unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[track_caller]
fn assert_none(problems: &[String], rule: &str) {
    assert!(problems.is_empty(), "{rule}:\n  {}", problems.join("\n  "));
}

#[test]
fn formatting() {
    let check = ["fmt", "--all", "--", "--check", "-l"];
    let output = cargo().args(check).output().expect("run cargo fmt");
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "not formatted:\n{}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn every_file_says_what_it_is() {
    let silent = rust_files()
        .into_iter()
        .filter(|file| !read(file).starts_with("//!"));
    let silent: Vec<_> = silent.map(|file| file.display().to_string()).collect();
    assert_none(&silent, "a Rust file opens with //!");
}

#[test]
fn nothing_is_unfinished() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
    ];
    let mut unfinished = Vec::new();
    for file in files()
        .iter()
        .filter(|file| has_extension(file, &TEXT_EXTENSIONS))
    {
        for (number, line) in read(file).lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                unfinished.push(format!("{}:{}: {mark}", file.display(), number + 1));
            }
        }
    }
    assert_none(&unfinished, "no unfinished work");
}

#[test]
fn crates_depend_in_one_direction() {
    let directions = BTreeMap::from(DIRECTIONS);
    let forbidden = BTreeMap::from(FORBIDDEN);
    let mut wrong = Vec::new();
    for package in members(&metadata(&["--no-deps"])) {
        let name = text(&package["name"]);
        let Some(allowed) = directions.get(name) else {
            wrong.push(format!("{name} has no place in the list of directions"));
            continue;
        };
        let forbidden = forbidden.get(name).copied().unwrap_or_default();
        for dependency in array(&package["dependencies"]) {
            let used = text(&dependency["name"]);
            let ours = used.starts_with("ferrymq");
            let for_tests = dependency["kind"] == "dev";
            if ours && !allowed.contains(&used) || !for_tests && forbidden.contains(&used) {
                wrong.push(format!("{name} uses {used}"));
            }
        }
    }
    assert_none(&wrong, "crates depend only downwards");
}

#[test]
fn every_file_is_used() {
    let metadata = metadata(&["--no-deps"]);
    let mut waiting = Vec::new();
    for package in members(&metadata) {
        let targets = array(&package["targets"]).iter();
        waiting.extend(targets.map(|target| (PathBuf::from(text(&target["src_path"])), true)));
    }
    let mut used = BTreeSet::new();
    while let Some((file, is_root)) = waiting.pop() {
        if used.insert(relative(&file)) {
            waiting.extend(
                modules(&file, is_root)
                    .into_iter()
                    .map(|module| (module, false)),
            );
        }
    }
    let dead = rust_files().into_iter().filter(|file| !used.contains(file));
    let dead: Vec<_> = dead.map(|file| file.display().to_string()).collect();
    assert_none(&dead, "every Rust file is a module of something");
}

/// The files of the modules that `file` declares.
fn modules(file: &Path, is_root: bool) -> Vec<PathBuf> {
    let source = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let folder = file.parent().expect("a folder");
    let own_name = file.file_stem().expect("a name");
    let below = if is_root || own_name == "mod" {
        folder.to_owned()
    } else {
        folder.join(own_name)
    };
    let mut modules = Vec::new();
    let mut path = None;
    for line in source.lines().map(str::trim) {
        if let Some(attribute) = line.strip_prefix("#[path = \"") {
            path = attribute.split('"').next().map(|path| folder.join(path));
        } else if let Some(name) = declared_module(line) {
            let flat = below.join(format!("{name}.rs"));
            let nested = below.join(name).join("mod.rs");
            let default = if flat.exists() { flat } else { nested };
            modules.push(path.take().unwrap_or(default));
        }
    }
    modules
}

/// The name in `mod name;`, whatever its visibility.
fn declared_module(line: &str) -> Option<&str> {
    let declaration = line.strip_suffix(';')?;
    let name = match declaration.split_once("mod ") {
        Some(("" | "pub " | "pub(crate) " | "pub(super) ", name)) => name,
        _ => return None,
    };
    name.chars()
        .all(|c| c.is_alphanumeric() || c == '_')
        .then_some(name)
}

#[test]
fn dependencies_have_fitting_licences_and_one_source() {
    let host = host();
    let allowed = allowed_licences();
    let metadata = metadata(&["--filter-platform", &host]);
    let mut wrong = Vec::new();
    for package in array(&metadata["packages"]) {
        let name = text(&package["name"]);
        let licence = package["license"].as_str().unwrap_or("none");
        if !licence_fits(licence, &allowed) {
            wrong.push(format!("{name}: licence {licence}"));
        }
        match package["source"].as_str() {
            None | Some("registry+https://github.com/rust-lang/crates.io-index") => {}
            Some(source) => wrong.push(format!("{name}: from {source}")),
        }
    }
    assert_none(
        &wrong,
        "dependencies come from crates.io, under a licence on the list",
    );
}

/// The licences that `deny.toml` allows.
fn allowed_licences() -> Vec<String> {
    let deny: toml::Table = read(Path::new("deny.toml"))
        .parse()
        .expect("deny.toml in TOML");
    let allowed = deny["licenses"]["allow"]
        .as_array()
        .expect("a list of licences");
    allowed
        .iter()
        .filter_map(|licence| licence.as_str().map(str::to_owned))
        .collect()
}

/// Whether the licence expression can be met by allowed licences.
fn licence_fits(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace('/', " OR ");
    let is_allowed = |licence: &str| {
        let licence = licence.trim_matches(['(', ')', ' ']).trim_end_matches('+');
        allowed.iter().any(|allowed| allowed == licence)
    };
    // Brackets only ever stand around an `OR` beside an `AND`: every part of the `AND` has to fit.
    expression
        .split(" AND ")
        .all(|part| part.split(" OR ").any(is_allowed))
}

#[test]
fn licence_expressions() {
    let allowed = ["MIT", "ISC", "MPL-2.0"].map(str::to_owned);
    for fits in [
        "MIT",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-2.0) AND ISC",
        "Unlicense/MIT",
        "MPL-2.0+",
    ] {
        assert!(licence_fits(fits, &allowed), "{fits}");
    }
    for misfits in [
        "none",
        "GPL-3.0",
        "MIT AND GPL-2.0",
        "(MIT OR ISC) AND GPL-2.0",
    ] {
        assert!(!licence_fits(misfits, &allowed), "{misfits}");
    }
}

#[test]
fn print_the_longest_files_and_functions() {
    let mut lengths = Vec::new();
    let mut functions = Vec::new();
    for file in rust_files() {
        let source = read(&file);
        lengths.push((source.lines().count(), file.display().to_string()));
        functions.extend(
            function_lengths(&source)
                .into_iter()
                .map(|(length, line)| (length, format!("{}:{line}", file.display()))),
        );
    }
    print_longest("lines in the longest files", lengths);
    print_longest("lines in the longest functions", functions);
}

/// Each function's number of lines, and the line it begins at. Relies on rustfmt: the closing brace
/// stands where the function's first line begins.
fn function_lengths(source: &str) -> Vec<(usize, usize)> {
    let lines: Vec<_> = source.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lengths = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let head = trimmed.split('(').next().unwrap_or_default();
        if trimmed.starts_with("//") || !head.split(' ').any(|word| word == "fn") {
            continue;
        }
        let end = lines[start..]
            .iter()
            .position(|other| indent(other) == indent(line) && other.trim_start().starts_with('}'));
        lengths.extend(end.map(|length| (length + 1, start + 1)));
    }
    lengths
}

fn print_longest(title: &str, mut lengths: Vec<(usize, String)>) {
    lengths.sort_unstable_by(|one, other| other.cmp(one));
    println!("{title}:");
    for (length, place) in lengths.iter().take(10) {
        println!("{length:>7}  {place}");
    }
}

fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root());
    cargo
}

fn metadata(arguments: &[&str]) -> Value {
    let mut cargo = cargo();
    cargo
        .args(["metadata", "--format-version", "1", "--offline"])
        .args(arguments);
    let output = cargo.output().expect("run cargo metadata");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("metadata in JSON")
}

/// The platform that this runs on, whose dependencies are certainly there.
fn host() -> String {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("run rustc");
    let said = String::from_utf8(output.stdout).expect("text");
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("the host's triple").to_owned()
}

/// The packages of this workspace.
fn members(metadata: &Value) -> &[Value] {
    array(&metadata["packages"])
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}
