//! The JSON API below `/api/v1`: the same verbs as the pages, for programs.
//!
//! Who asks shows a key or an access token as a bearer (`door.rs`); a session's cookie is nothing here, and a key is nothing
//! on the pages. What comes in and goes out are types that serialize (one file a thing, named like its pages), and the
//! document of the API is made from these same types (`document.rs`), so that it cannot say anything else than what is so.
//!
//! # To add an operation
//!
//! 1. A handler in the file of its thing: `async fn show(call: Call<RunRead>, Path(run): Path<IdText<kind::Run>>) ->
//!    Result<Json<RunJson>>`. Its first argument is the door; the second is what it takes ([`ask`]): `()`, [`ask::Path`],
//!    [`ask::Query`], [`ask::Body`], [`ask::Conditions`], or a tuple of them. What it gives is a [`reply`].
//! 2. One line in `routes.rs`: `api::route(Key(RunRead), GET, "/api/v1/runs/{run}", "Show a run", api::runs::show)`.
//! 3. `UPDATE_EXPECT=1` on the tests renews `docs/openapi.json`; the difference is the review.

pub mod approvals;
pub(crate) mod ask;
pub mod audit;
pub(crate) mod budgets;
pub(crate) mod bundles;
pub(crate) mod credentials;
pub(crate) mod document;
mod door;
pub mod dry_runs;
pub(crate) mod folders;
pub mod identity;
pub(crate) mod members;
pub mod plans;
pub mod problem;
pub(crate) mod providers;
pub(crate) mod reply;
pub mod runs;
mod schema;
pub mod values;
pub(crate) mod variables;
pub(crate) mod versions;
pub mod workflows;

pub(crate) use ask::{Body, Conditions, Path, Query};
pub(crate) use door::{AnyKey, Call, Key, route};
pub(crate) use problem::refuse;
pub(crate) use reply::{Created, Done, Json, Tagged};
pub(crate) use schema::Describe;
pub use values::{Bound, Dollars, IdText, Moment, PageOf, Word};
pub(crate) use values::{Paging, range};

/// What handlers and what helps them give.
pub(crate) type Result<T, E = platform::Error> = std::result::Result<T, E>;

/// Where the API begins.
const ROOT: &str = "/api/";

/// Whether a path is one of the API, so that whatever goes wrong there is told as JSON.
pub(crate) fn is_below(path: &str) -> bool {
    path.starts_with(ROOT)
}
