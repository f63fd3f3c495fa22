//! What a tenant is furnished with: workflows, credentials, variables, providers, budgets and the audit log, on both
//! engines and always with two tenants that look alike.

use domain::{Secret, call::EgressRules};
use platform::{RehearsalAddresses, Settings};

/// Runs each test on both engines, in a house whose process has rehearsal services.
macro_rules! in_a_rehearsing_house {
    ($(async fn $name:ident($house:ident) $body:block)*) => {
        mod on_sqlite {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let $house = crate::house::empty_on_sqlite_with(crate::furniture::rehearsing()).await.furnished().await;
                $body
            })*
        }
        mod on_postgres {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let location = database::testing::postgres().await;
                let $house = crate::house::empty(location, None, crate::furniture::rehearsing()).await.furnished().await;
                $body
            })*
        }
    };
}

mod audit;
mod budgets;
mod bundles;
mod credentials;
mod dry_runs;
mod providers;
mod runs;
mod samples;
mod variables;
mod versions;
mod workflows;

const INVOICE_BOOK: &str = "127.0.0.1:8091";
const PAYMENT_DESK: &str = "127.0.0.1:8092";
const MODEL: &str = "127.0.0.1:8093";
const TRACKER: &str = "127.0.0.1:8094";
const PAYMENT_KEY: &str = "a key of the payment desk";
const MODEL_KEY: &str = "a key of the scripted model";

/// The settings of a process with rehearsal services; nothing listens there.
fn rehearsing() -> Settings {
    Settings {
        egress: EgressRules { allow: [INVOICE_BOOK, PAYMENT_DESK, TRACKER, MODEL].map(str::to_owned).to_vec(), deny: Vec::new() },
        rehearsal: Some(RehearsalAddresses {
            invoice_book: INVOICE_BOOK.to_owned(),
            payment_desk: PAYMENT_DESK.to_owned(),
            tracker: TRACKER.to_owned(),
            model: MODEL.to_owned(),
            erp_key: Secret::new("a key of the expenses"),
            tracker_key: Secret::new("a key of the tracker"),
            payment_key: Secret::new(PAYMENT_KEY),
            model_key: Secret::new(MODEL_KEY),
        }),
        ..crate::house::settings()
    }
}

/// The public sentence of a refusal.
fn sentence<T: std::fmt::Debug>(result: Result<T, platform::Error>) -> String {
    result.unwrap_err().problem().detail
}
