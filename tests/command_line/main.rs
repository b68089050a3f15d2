//! `ferrymq ctl` against the built broker: a module per family of commands.

mod access;
mod dialects;
mod looking;
mod messages;
mod output;
mod runner;
mod settings;
