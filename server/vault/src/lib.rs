//! Sealing and opening: credentials, passwords, one-time links, bearer tokens, backups.
//!
//! Everything starts from a [`Keyring`] that somebody hands in. This crate reads no file, speaks no
//! SQL and no HTTP, and knows no clock. Randomness comes from the [`domain::Entropy`] that is handed
//! in, except inside age, which draws its file keys from the operating system and offers no choice.
//!
//! What seals something new gets a module of its own and a label of its own in `mac` or a first
//! field of its own in `envelope`, so that no sealed thing can ever pass for another kind.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

pub mod access_token;
pub mod api_key;
pub mod backup;
pub mod cursor;
mod envelope;
pub mod hashing;
pub mod keyring;
pub mod link;
mod mac;
pub mod password;
mod self_test;
pub mod tenant;
pub mod token;

pub use access_token::{AccessClaims, AccessTokenError, read_access_token, sign_access_token};
pub use api_key::ApiKey;
pub use cursor::{open_cursor, seal_cursor};
pub use hashing::{HashingError, HashingPool};
pub use keyring::{Keyring, KeyringError};
pub use link::{LinkClaims, LinkError, LinkPurpose, read_link, sign_link};
pub use password::{PasswordRefused, Passwords};
pub use self_test::{SelfTestFailure, self_test};
pub use tenant::{CREDENTIAL_VALUE, Context, OpenError, SealError, TenantKey};
pub use token::{Token, csrf_matches, csrf_token};
