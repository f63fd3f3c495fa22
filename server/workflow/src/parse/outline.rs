//! What a step is and what it reaches, in the words of the file: for a preview that is there even when the
//! file has errors.

use serde::Serialize;

use crate::plan::{CredentialPiece, HttpStep};

/// One step, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StepOutline {
    /// Its id.
    pub id: String,
    /// Its name, or its heading.
    pub name: String,
    /// The action (`http.request`) or kind (`approval`), as written; empty when nothing says.
    pub kind: String,
    /// The line of its block, or of the step inside another one, from 1.
    pub line: u32,
    /// How many steps are around it.
    pub depth: u32,
    /// What the block that it stands in is called, such as `then`, `case low` or the id of a branch; nothing outside of others.
    pub block: Option<String>,
    /// The text of its condition.
    pub condition: Option<String>,
    /// The text of what an `if`, a `switch` or a loop asks.
    pub tests: Option<String>,
    /// The method of a request.
    pub method: Option<String>,
    /// The text of a request's address.
    pub url: Option<String>,
    /// Where the request goes: a host with its port, or the text of the expression that gives it.
    pub host: Option<String>,
    /// The credentials it uses.
    pub credentials: Vec<String>,
    /// The model that it names itself.
    pub model: Option<String>,
    /// Who is asked, as `role:approver` or `email:name@example.com`.
    pub approvers: Vec<String>,
    /// Whether somebody has to agree before it is taken.
    pub asks_first: bool,
    /// Whether it can be run: all of it could be read.
    pub complete: bool,
}

impl StepOutline {
    /// Adds what a request reaches.
    pub(super) fn reach(&mut self, http: &HttpStep, host: String) {
        self.method = Some(http.method.clone());
        self.url = Some(http.url.source().to_owned());
        self.host = Some(host);
        for piece in http.headers.iter().flat_map(|(_, pieces)| pieces) {
            if let CredentialPiece::Credential(name) = piece
                && !self.credentials.contains(name)
            {
                self.credentials.push(name.clone());
            }
        }
    }
}
