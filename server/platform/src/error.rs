//! Why a verb did not do what it was asked, and the public words for it.

use std::time::Duration;

use domain::{Denied, Problem};

/// Why a verb did not do what it was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A right is missing. The door records it before it answers.
    #[error("a right is missing: {0:?}")]
    Denied(Denied),
    /// What was asked cannot be done, in public words.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] database::Error),
    /// The policy could not be built.
    #[error("the policy could not be built: {0}")]
    Policy(#[from] policy::PolicyError),
    /// Passwords are not being hashed just now: too many at a time.
    #[error(transparent)]
    Hashing(#[from] vault::HashingError),
    /// Somebody tried too often.
    #[error("too many tries")]
    Throttled {
        /// The time after which one more try is let in.
        retry_after: Duration,
    },
    /// Something that is stored or configured is not as it must be; for the log.
    #[error("{0}")]
    Broken(String),
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Error {
    /// What the outside is told. Causes stay here.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Denied(Denied::NotFound { kind, .. }) => Problem::not_found(kind),
            Self::Denied(Denied::Forbidden { permission, kind, .. }) => Problem::new(
                403,
                "forbidden",
                format!(
                    "This needs the permission {permission} ({kind}), which you do not have here. An admin of the tenant can give you a role that has it."
                ),
            ),
            Self::Problem(problem) => problem.clone(),
            Self::Database(database::Error::StalePolicy { .. }) => {
                Problem::conflict("rights_changed", "Your rights changed while this was being done, and nothing was done. Try again.")
            }
            Self::Database(database::Error::DoneBefore) => Problem::conflict(
                "idempotency_key_in_use",
                "Another request under this Idempotency-Key was just carried out, and this one was not. Send it again to get the answer.",
            ),
            Self::Database(database::Error::TenantClosed) => Problem::not_found("page"),
            Self::Database(database::Error::Unavailable { .. }) => Problem::unavailable(),
            Self::Throttled { retry_after } => Problem::new(
                429,
                "too_many_tries",
                format!("There were too many tries. Try again in {} seconds.", retry_after.as_secs().max(1)),
            )
            .after(Some(*retry_after)),
            Self::Hashing(_) => Problem::new(503, "busy", "Too many people are signing in at this moment. Try again in a few seconds."),
            Self::Database(_) | Self::Policy(_) | Self::Broken(_) => Problem::new(
                500,
                "internal",
                "Something went wrong here, and nothing was done. The log has the cause under this request's id.",
            ),
        }
    }

    /// Whether the cause is for the log: nobody outside can mend it.
    pub fn is_internal(&self) -> bool {
        self.problem().status >= 500
    }
}
