//! Nothing lives here: the tests are in `house/`, one binary with one module a thing.
