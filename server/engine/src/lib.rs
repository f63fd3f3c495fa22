//! Keeps runs alive.
