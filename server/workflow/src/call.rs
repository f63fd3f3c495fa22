//! A call to the outside as it will be made: every expression evaluated, credentials still references.
//! This is what the journal keeps, an approver sees, and the host performs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::plan::ModelTask;

/// An outgoing call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    /// `http.request`.
    Http(HttpCall),
    /// A prompt to a model.
    Model(ModelCall),
}

impl Call {
    /// The names of the credentials it refers to, as written in the workflow.
    pub fn credentials(&self) -> Vec<&str> {
        match self {
            Self::Http(http) => http
                .headers
                .iter()
                .flat_map(|(_, pieces)| pieces)
                .filter_map(|piece| match piece {
                    Piece::Credential(name) => Some(name.as_str()),
                    Piece::Text(_) => None,
                })
                .collect(),
            Self::Model(_) => Vec::new(),
        }
    }

    /// The host it reaches, as [`host_of`] writes it; `None` for a model, whose host is the provider's.
    pub fn host(&self) -> Option<String> {
        match self {
            Self::Http(http) => host_of(&http.url),
            Self::Model(_) => None,
        }
    }
}

/// `host`, or `host:port` when the port is not the scheme's own, of an `http` or `https` address: lower-case,
/// international names in their ASCII form, as the WHATWG URL standard reads them. `None` for anything else.
pub fn host_of(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Part of a header's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Text as it is; `cred://` inside means nothing.
    Text(String),
    /// The credential of that name, swapped in at the egress.
    Credential(String),
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpCall {
    /// In capitals.
    pub method: String,
    /// The address, without the query that follows.
    pub url: String,
    /// In the order of the file.
    pub headers: Vec<(String, Vec<Piece>)>,
    /// Names and texts to add to the address.
    pub query: Vec<(String, String)>,
    /// What is sent.
    pub body: HttpBody,
    /// Status codes besides 2xx that are no error.
    pub accept_status: Vec<u16>,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
}

/// What an HTTP request sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpBody {
    /// Nothing.
    None,
    /// A JSON document.
    Json(Value),
    /// Text as it is.
    Text(String),
    /// Fields of a form.
    Form(Vec<(String, String)>),
}

/// A prompt to a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCall {
    /// The action.
    pub task: ModelTask,
    /// As the step or the workflow names it; `None` means the tenant's default.
    pub model: Option<String>,
    /// The system prompt.
    pub system: Option<String>,
    /// The prompt.
    pub prompt: String,
    /// What the answer has to fit.
    pub output_schema: Option<Value>,
    /// The most tokens the answer may have; `None` means the model's own limit.
    pub max_tokens: Option<u32>,
    /// 0 to 2.
    pub temperature: Option<f64>,
}
