//! systemd's journal: is standard output connected to it, and how important is a line?

use std::io;

use tracing::Level;

/// Is standard output the journal's socket? systemd says which one it is.
pub(super) fn is_standard_output() -> bool {
    std::env::var("JOURNAL_STREAM").is_ok_and(|stream| is_stream(&stream))
}

/// Is standard output the file `DEVICE:INODE`?
fn is_stream(stream: &str) -> bool {
    let Some((device, inode)) = stream.split_once(':') else {
        return false;
    };
    let Ok(found) = rustix::fs::fstat(io::stdout()) else {
        return false;
    };
    device.parse() == Ok(found.st_dev) && inode.parse() == Ok(found.st_ino)
}

/// What a line of `level` begins with: syslog's priorities.
pub(super) fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_output_is_known_by_device_and_inode() {
        let found = rustix::fs::fstat(io::stdout()).unwrap();
        assert!(is_stream(&format!("{}:{}", found.st_dev, found.st_ino)));
        assert!(!is_stream(&format!(
            "{}:{}",
            found.st_dev,
            found.st_ino + 1
        )));
        assert!(!is_stream("journal"));
    }
}
