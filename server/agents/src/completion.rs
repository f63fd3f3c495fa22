//! What is asked of a model, what it answers, and how that can fail, whatever the wire format.

use serde_json::Value;
use tools::{CallError, CallErrorKind, Sent};

/// Where a model is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// The URL in front of `/chat/completions`, such as `https://api.example.com/v1`.
    pub base_url: String,
    /// The name of the credential that is sent as `Authorization: Bearer`; a provider without one is
    /// asked without the header.
    pub credential: Option<String>,
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The instructions in front.
    System,
    /// The one who asks.
    User,
    /// The model, in an earlier turn.
    Assistant,
}

impl Role {
    pub(crate) const fn wire(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// One question to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// The name of the model at its provider.
    pub model: String,
    /// What is said, in order.
    pub messages: Vec<Message>,
    /// The most tokens it may answer with.
    pub max_tokens: u32,
    /// How freely it chooses its words, from 0 to 2; nothing said is the provider's own choice.
    pub temperature: Option<f64>,
    /// The JSON Schema its answer has to fit; without one it answers with text.
    pub output_schema: Option<Value>,
}

impl ModelRequest {
    /// A question with instructions in front of it, the usual form.
    pub fn new(model: impl Into<String>, system: Option<String>, prompt: impl Into<String>, max_tokens: u32) -> Self {
        let system = system.map(|content| Message { role: Role::System, content });
        let prompt = Message { role: Role::User, content: prompt.into() };
        Self {
            model: model.into(),
            messages: system.into_iter().chain([prompt]).collect(),
            max_tokens,
            temperature: None,
            output_schema: None,
        }
    }
}

/// The tokens a provider charges for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the question, cached ones included.
    pub input_tokens: u64,
    /// Those of the question that were charged as cached; never more than `input_tokens`.
    pub cached_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: u64,
    /// Those of the answer that were reasoning and are not in the text.
    pub reasoning_tokens: u64,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The answer as text.
    pub text: String,
    /// The answer as a value that fits the schema, when one was given.
    pub object: Option<Value>,
    /// What it used; `None` when the provider did not say, and the most it may cost has to be assumed.
    pub usage: Option<Usage>,
    /// The model that answered, by the provider's word, which may be more exact than what was asked for.
    pub model: String,
    /// Why it ended: `stop`, `length`, or the provider's own word.
    pub finish_reason: String,
}

/// What a call that failed has to be charged with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// It cost nothing: nothing was sent, or it was turned away with a 4xx.
    Nothing,
    /// It cost this.
    Known(Usage),
    /// It may have cost anything up to the most it may cost.
    Unknown,
}

/// A call to a model that gave no usable answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{call}")]
pub struct CompletionError {
    /// What went wrong. An answer that does not fit its schema is [`CallErrorKind::Answer`] and may be tried
    /// again, since a model answers differently each time; a refusal is not.
    pub call: CallError,
    /// What it cost all the same, when the provider said so.
    pub usage: Option<Usage>,
}

impl CompletionError {
    /// What to charge. Providers charge nothing for a request they turn away with a 4xx; behind a 5xx
    /// of a gateway the model may have worked.
    pub fn charge(&self) -> Charge {
        match (self.usage, self.call.sent, self.call.kind) {
            (Some(usage), _, _) => Charge::Known(usage),
            (None, Sent::No, _) | (None, _, CallErrorKind::Status(300..=499)) => Charge::Nothing,
            (None, _, _) => Charge::Unknown,
        }
    }
}

impl From<CallError> for CompletionError {
    fn from(call: CallError) -> Self {
        Self { call, usage: None }
    }
}
