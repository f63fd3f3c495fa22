//! Enums whose values are kept as words in a text column: statuses, states and kinds.
//!
//! A word that no variant knows is an error that names statement and column, never a guess: read such a column
//! with `row.word("status", Status::WORDS)`. To add a word, add it to the enum in its noun file and to the check
//! of the column in a new migration.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$line:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$line])* $variant,)+
        }

        impl $name {
            /// Every value with the word that the column holds.
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($text, Self::$variant),)+];

            /// The word that the column holds.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The value that a word stands for; nothing for a word that is none of them.
            pub fn named(word: &str) -> Option<Self> {
                Self::WORDS.iter().find(|(text, _)| *text == word).map(|(_, value)| *value)
            }
        }

        impl From<$name> for $crate::param::Param {
            fn from(value: $name) -> Self {
                Self::from(value.name())
            }
        }

        impl From<Option<$name>> for $crate::param::Param {
            fn from(value: Option<$name>) -> Self {
                Self::from(value.map($name::name))
            }
        }
    };
}

pub(crate) use words;
