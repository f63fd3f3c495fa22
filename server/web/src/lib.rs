//! The pages: what people see and send, over the verbs of `platform`. No SQL, no business.
//!
//! # To add a page
//!
//! 1. `src/<thing>.rs` with a handler. Its first argument is the door of its access; after it come up to three of [`Path`],
//!    [`Query`], [`Form`] and [`LastSeen`]. It calls one verb and shows one view:
//!
//!    ```ignore
//!    #[derive(Template)]
//!    #[template(path = "budgets/list.html")]
//!    struct ListView { page: Page, budgets: Vec<BudgetRow> }
//!
//!    /// `GET /t/{slug}/budgets`
//!    pub(crate) async fn list(grant: Grant<BudgetRead>) -> Answer {
//!        let budgets = grant.platform().budgets(grant.actor()).await?;
//!        view::html(&ListView { page: grant.page().await?, budgets: budgets.into_iter().map(row).collect() })
//!    }
//!    ```
//! 2. `templates/<thing>/list.html`, which extends `_layout.html`. View structs hold display-ready values: [`mod@format`] makes
//!    them. A part that repeats, or that is sent alone, is a file `_row.html`; a region shown once may be a block
//!    (`#[template(path = "…", blocks = ["rows"])]` gives `view.as_rows()`), answered when [`Visit::wants_fragment`].
//!    A field of a view that is called like a parameter of a macro (`name`, `label`, `value`, `error`) is hidden by it in the
//!    macro's call: write `form.name` or call it otherwise. Every element with an `hx-…` attribute carries
//!    `hx-nonce="{{ page.nonce }}"`; htmx takes the nonce of a fragment for that of the page it goes into.
//! 3. One line in `src/routes.rs`: `route(Member(BudgetRead), GET, "/t/{slug}/budgets", budgets::list)`. Nothing is reachable
//!    without it, and another permission than the handler's does not compile. The navigation then shows the page by itself to
//!    those who may see it (`page::NAVIGATION` knows its place).
//! 4. A test that renders the view with `page::sample()`.
//!
//! # To change something
//!
//! A new verb becomes a new noun and a POST: `/t/{slug}/runs/{id}/cancellation`. The form begins with `{{ ui::csrf() }}`; the
//! token is checked and taken out before the handler sees the fields, as are origin, size and content type. Fields that the form
//! struct does not know are refused. Afterwards `grant.visit().done(&grant.path("/runs"), "The run is cancelled.")` goes to a page
//! that says so. [`view::outcome`] separates what the form can show (422, shown again with what was typed) from every other error,
//! which is passed on with `?` and becomes a page or a fragment by itself. Denials are recorded on that way; a handler does nothing
//! for it.
//!
//! # Live pages
//!
//! A route of its own whose handler gives [`live::stream`] a stream of [`live::Event`]s; [`LastSeen`] says where to go on.
//! What is sent there has no `hx-…` attributes but those of `<hx-partial>`: it does not know the nonce of the page.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

mod access;
mod account;
mod address;
pub mod api;
mod approvals;
mod arguments;
mod assets;
mod audit;
mod body;
mod budgets;
mod bundles;
mod confirmation;
mod cookies;
mod credentials;
mod csrf;
mod day;
mod email_changes;
mod folders;
mod form;
pub mod format;
mod health;
mod home;
mod invitations;
mod keys;
mod limits;
pub mod live;
mod mailbox;
mod mandate;
mod members;
mod metrics;
mod next;
pub mod page;
mod password_reset;
mod problems;
mod providers;
mod roles;
pub mod route;
mod routes;
mod runs;
mod server;
mod settings;
mod setup;
mod sign_in;
mod site;
mod tenants;
#[cfg(test)]
mod tests;
pub mod text;
mod things;
mod variables;
pub mod view;
mod visit;
mod workflows;

pub use address::{AddressRange, NotARange};
pub use api::document::openapi;
pub use arguments::{Form, Path, Query};
pub use limits::{Rate, RequestLimits};
pub use live::LastSeen;
pub use routes::table;
pub use server::serve;
pub use site::WebConfig;
pub use visit::Visit;
