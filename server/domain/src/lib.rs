//! Words everybody uses: typed ids, time, money, who acts, what they may, what is recorded.
//!
//! Nothing here is async and nothing does IO, except [`machine`], the one file that touches the
//! machine's clock and randomness. A word belongs here when at least two rooms speak it; what only
//! one room needs stays there.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

pub mod actor;
pub mod audit;
pub mod budget;
pub mod call;
pub mod canonical;
pub mod entropy;
pub mod guard;
pub mod id;
pub mod machine;
pub mod money;
pub mod page;
pub mod permission;
pub mod problem;
pub mod secret;
pub mod time;

pub use actor::{Actor, Door, Grants, Once, PolicyVersion, RequestFacts, Subject};
pub use budget::{Limits, Period, Span};
pub use entropy::Entropy;
pub use guard::{Authorized, Denied, Guarded, Protected, Scope};
pub use id::{
    ApiKeyId, ApprovalId, BudgetId, CredentialId, FolderId, HoldId, Id, InboxId, InvitationId, LinkId, MailId, ModelId, PersonId,
    ProviderId, PublicationId, RequestId, RunId, SessionId, TenantId, UseId, VariableId, VersionId, WorkflowId,
};
pub use money::Money;
pub use page::{Cursor, Page};
pub use permission::{Permission, PermissionMarker, PermissionSet};
pub use problem::Problem;
pub use secret::Secret;
pub use time::{Clock, Timestamp};
