//! What is counted, and what became of it over time.

pub mod series;
