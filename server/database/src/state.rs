//! The words that state columns hold, as types. To add a word, add it here and to the checks of both migrations.

use crate::words::words;

words! {
    /// How far a run is.
    RunStatus {
        /// Accepted, not begun.
        Queued = "queued",
        /// At work.
        Running = "running",
        /// Waits for an approval, a time or money.
        Waiting = "waiting",
        /// Ended with its outputs.
        Completed = "completed",
        /// Ended with an error.
        Failed = "failed",
        /// Ended because somebody wished so.
        Cancelled = "cancelled",
    }
}

words! {
    /// What became of an approval.
    ApprovalState {
        /// Nobody has ended it.
        Pending = "PENDING",
        /// Enough approvers agreed.
        Approved = "APPROVED",
        /// An approver refused.
        Rejected = "REJECTED",
        /// Its time was over.
        Expired = "EXPIRED",
        /// Its run was cancelled.
        Cancelled = "CANCELLED",
        /// What it was asked for changed.
        Voided = "VOIDED",
        /// It was handed on.
        Escalated = "ESCALATED",
    }
}

words! {
    /// What became of money that was set aside.
    HoldState {
        /// The call is under way.
        Open = "open",
        /// The call ended and was charged.
        Settled = "settled",
        /// The call cost nothing.
        Released = "released",
        /// A crash left it: charged at its maximum until somebody knows.
        Unknown = "unknown",
        /// Somebody confirmed the charge of an unknown one.
        Confirmed = "confirmed",
    }
}

words! {
    /// What a door wants of a run.
    InboxKind {
        /// Begin.
        Start = "start",
        /// An approval was ended.
        Approval = "approval",
        /// End the run.
        Cancel = "cancel",
        /// Pause: begin nothing before the pause is ended.
        Pause = "pause",
        /// Go on after a pause.
        EndPause = "end_pause",
        /// Take a signal in.
        Signal = "signal",
        /// Go on after what it waited for changed.
        Resume = "resume",
    }
}

impl RunStatus {
    /// Whether nothing can happen to such a run any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}
