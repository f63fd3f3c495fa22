//! The business, one module a thing.
