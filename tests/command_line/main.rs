//! `ferrymq ctl` against the built broker: a module per family of commands.

mod access;
mod accounts;
mod dialects;
mod looking;
mod messages;
mod node;
mod output;
mod rules;
mod runner;
mod settings;
