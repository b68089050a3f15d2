//! HTTP: the management listener. Asks the broker's public types, never reaches inside.
