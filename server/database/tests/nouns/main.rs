//! What the functions of the noun files do, on both engines.
//!
//! Each behaviour is one function that is handed a site: two tenants that look alike, with members. To add one, write it
//! in the file of its noun and name it in that file's `on_both_engines!`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "../engines/mod.rs"]
mod engines;

/// Runs each behaviour on a fresh site of either engine.
macro_rules! on_both_engines {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::site::Site::on(crate::engines::sqlite().await).await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::site::Site::on(crate::engines::postgres().await).await).await;
            })*
        }
    };
}

mod access;
mod api;
mod approvals;
mod audit;
mod budgets;
mod identity;
mod isolation;
mod mail;
mod runs;
mod settings;
mod site;
