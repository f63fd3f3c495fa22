//! The words that state columns hold, as types. To add a word, add it here and to the checks of both migrations.

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$word_doc])* $variant,)* }

        impl $name {
            /// Every word with its value, for [`crate::Row::word`].
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($text, Self::$variant),)*];

            /// The word in the column.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl From<$name> for crate::Param {
            fn from(value: $name) -> Self {
                Self::Text(Some(value.name().to_owned()))
            }
        }
    )*};
}

words! {
    /// How far a run is.
    RunStatus {
        /// Accepted, not begun.
        Queued "queued",
        /// At work.
        Running "running",
        /// Waits for an approval, a time or money.
        Waiting "waiting",
        /// Ended with its outputs.
        Completed "completed",
        /// Ended with an error.
        Failed "failed",
        /// Ended because somebody wished so.
        Cancelled "cancelled",
    }

    /// What became of an approval.
    ApprovalState {
        /// Nobody has ended it.
        Pending "PENDING",
        /// Enough approvers agreed.
        Approved "APPROVED",
        /// An approver refused.
        Rejected "REJECTED",
        /// Its time was over.
        Expired "EXPIRED",
        /// Its run was cancelled.
        Cancelled "CANCELLED",
        /// What it was asked for changed.
        Voided "VOIDED",
        /// It was handed on.
        Escalated "ESCALATED",
    }

    /// What became of money that was set aside.
    HoldState {
        /// The call is under way.
        Open "open",
        /// The call ended and was charged.
        Settled "settled",
        /// The call cost nothing.
        Released "released",
        /// A crash left it: charged at its maximum until somebody knows.
        Unknown "unknown",
        /// Somebody confirmed the charge of an unknown one.
        Confirmed "confirmed",
    }

    /// What a door wants of a run.
    InboxKind {
        /// Begin.
        Start "start",
        /// An approval was ended.
        Approval "approval",
        /// End the run.
        Cancel "cancel",
        /// Go on after what it waited for changed.
        Resume "resume",
    }
}
