//! What a driver has to guarantee, whatever it is built on: each test is run by every driver over every database.
//! Today there is one driver and there are two databases; a further driver is one more line in `on_every_driver!`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]
#![allow(missing_docs, reason = "the names of tests are sentences")]

mod ends;
mod host;
mod house;
mod leases;
mod timers;

/// Runs each test on the embedded driver over both databases.
macro_rules! on_every_driver {
    ($($name:ident),+ $(,)?) => {
        mod embedded_on_sqlite {
            $(#[tokio::test] async fn $name() { super::$name(crate::house::House::on_sqlite().await).await; })+
        }
        mod embedded_on_postgres {
            $(#[tokio::test] async fn $name() { super::$name(crate::house::House::on_postgres().await).await; })+
        }
    };
}
pub(crate) use on_every_driver;
