//! The program as its operators meet it: configuration from every source, signals, exit codes, the log,
//! probes, and the files in `deploy/`.

mod configuration;
mod deploy;
mod log;
mod process;
mod reload;
mod support;
