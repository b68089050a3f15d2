//! Tests that need the built program, and the harness they share.
