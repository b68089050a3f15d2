//! A file system that can lose its power: ext4 in a file, behind a loop device.
//!
//! Nothing is written back to the file on its own: the journal is committed when somebody syncs, and not
//! every five seconds. `cut` shuts the file system down, which keeps every write that is not in the device
//! yet from getting there, and copies the device. `restore` mounts the copy, as a machine that boots does.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Directories are named after the process which they belong to.
const PREFIX: &str = "ferrymq-power-cut-";
/// Of the file system.
const BYTES: u64 = 512 << 20;
/// No commit of the journal but by a sync.
const MOUNT_OPTIONS: &str = "loop,commit=600,noatime";
/// `FS_IOC_SHUTDOWN` with `FS_SHUTDOWN_FLAGS_NOLOGFLUSH`: nothing more is written, the journal neither.
const SHUT_DOWN: &str = r#"
    open(my $root, "<", $ARGV[0]) or die "open: $!";
    my $flags = pack("L", 2);
    ioctl($root, 0x8004587d, $flags) or die "shut down: $!";
"#;
/// What `sh` runs beside it: when this process ends without a word, the file system goes too.
const WATCHDOG: &str = r#"read -r _ || { umount -l "$1/mount"; rm -rf -- "$1"; }"#;

#[derive(Debug)]
pub(crate) struct Disk {
    directory: PathBuf,
    watchdog: Child,
    mounted: bool,
}

impl Disk {
    /// An empty file system, mounted.
    pub(crate) fn create() -> Self {
        remove_leftovers();
        let directory = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .tempdir()
            .expect("a temporary directory")
            .keep();
        let mut disk = Self {
            watchdog: watch(&directory),
            directory,
            mounted: false,
        };
        fs::create_dir(disk.root()).expect("create the mount point");
        let image = fs::File::create(disk.image()).expect("create the image");
        image.set_len(BYTES).expect("a sparse file");
        run("mkfs.ext4", &["-q", "-F"], &[&disk.image()]);
        disk.mount();
        disk
    }

    /// Where it is mounted.
    pub(crate) fn root(&self) -> PathBuf {
        self.directory.join("mount")
    }

    /// Cuts the power: what the device has got by now is all there will be.
    pub(crate) fn cut(&self) {
        run("perl", &["-e", SHUT_DOWN], &[&self.root()]);
        let (image, copy) = (self.image(), self.copy());
        run("cp", &["--sparse=always"], &[&image, &copy]);
    }

    /// Mounts the copy that `cut` made, when nobody uses the file system any more. Recovers the journal,
    /// and has everything checked.
    pub(crate) fn restore(&mut self) {
        self.unmount();
        fs::rename(self.copy(), self.image()).expect("rename the copy");
        self.mount();
        self.unmount();
        run("e2fsck", &["-f", "-n"], &[&self.image()]);
        self.mount();
    }

    /// From now on nothing can be written.
    pub(crate) fn make_read_only(&self) {
        run("mount", &["-o", "remount,ro"], &[&self.root()]);
    }

    fn image(&self) -> PathBuf {
        self.directory.join("image")
    }

    fn copy(&self) -> PathBuf {
        self.directory.join("copy")
    }

    fn mount(&mut self) {
        let (image, root) = (self.image(), self.root());
        run("mount", &["-o", MOUNT_OPTIONS], &[&image, &root]);
        self.mounted = true;
    }

    fn unmount(&mut self) {
        run("umount", &[], &[&self.root()]);
        self.mounted = false;
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.watchdog.stdin.take() {
            let _ = stdin.write_all(b"done\n");
        }
        let _ = self.watchdog.wait();
        if self.mounted {
            // The loop device goes with the mount.
            let _ = Command::new("umount").arg("-l").arg(self.root()).status();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Runs a tool, which is expected to succeed.
fn run(tool: &str, arguments: &[&str], paths: &[&Path]) {
    let output = Command::new(tool)
        .args(arguments)
        .args(paths)
        .stdin(Stdio::null())
        .output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {tool}: {error}"));
    assert!(
        output.status.success(),
        "{tool} {arguments:?} {paths:?} failed with {}; this test needs root, a loop device and ext4, \
         and FERRYMQ_POWER_CUT=skip leaves it out:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

fn watch(directory: &Path) -> Child {
    Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start sh")
}

/// Removes what runs that were killed together with their watchdogs have left.
fn remove_leftovers() {
    let entries = fs::read_dir(std::env::temp_dir()).expect("the temporary directory");
    for entry in entries.map_while(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        let Some(owner) = owner else { continue };
        if !Path::new("/proc").join(owner).exists() {
            let root = entry.path().join("mount");
            let _ = Command::new("umount").arg("-l").arg(root).output();
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
