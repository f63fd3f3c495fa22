//! Asking the API: what is sent again and when, how much is read, and what a refusal means to people.
//!
//! Sent again is only what may be done twice: what changes nothing, and what carries an idempotency key. No redirect is
//! followed, so that the key reaches nobody but the server it is for.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap, redirect};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;
use web::api::problem::ProblemJson;

use super::{Common, server::Server};
use crate::{
    config,
    failure::{Exit, Failure},
    terminal::{self, progress},
};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take, besides what was asked to be waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often something is sent at most.
const TRIES: u32 = 4;
/// The pause before the second sending; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest that a server may ask to wait for the next sending.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The most of an answer that is read, in bytes.
const LARGEST: usize = 64 << 20;

/// Whoever asks the API.
pub(super) struct Client {
    http: reqwest::Client,
    server: Server,
    is_quiet: bool,
}

/// An answer: as programs see it, and as its type says.
pub(super) struct Answer<T> {
    pub(super) raw: Value,
    pub(super) value: T,
    /// Whether it was given before, to the same request.
    pub(super) is_replayed: bool,
}

/// A request that is being made up.
pub(super) struct Request<'c> {
    client: &'c Client,
    method: Method,
    url: Url,
    body: Option<Value>,
    idempotency_key: Option<String>,
    /// What the server was asked to wait.
    wait: Duration,
    what: String,
}

struct Received {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Why nothing was answered.
enum Silent {
    Request(reqwest::Error),
    TooLarge,
}

impl From<reqwest::Error> for Silent {
    fn from(error: reqwest::Error) -> Self {
        Self::Request(error)
    }
}

impl Client {
    /// The client of the server that holds for this command.
    pub(super) fn open(common: &Common) -> Result<Self, Failure> {
        Self::to(Server::chosen(common)?, common.quiet)
    }

    #[expect(clippy::disallowed_methods, reason = "a person asks their server; no run and no tenant's rules are behind it")]
    pub(super) fn to(server: Server, is_quiet: bool) -> Result<Self, Failure> {
        tools::install_crypto();
        let mut builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT)
            .user_agent(concat!("mandate-cli/", env!("CARGO_PKG_VERSION")));
        if config::is_this_machine(&server.url) {
            // Nobody between this machine and itself, and no name server that calls another one `localhost`.
            let local = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(|address| SocketAddr::new(address, 0));
            builder = builder.no_proxy().resolve_to_addrs("localhost", &local);
        }
        let http = builder.build().map_err(|error| Failure::new(format!("No connection can be made here: {}.", reasons(&error))))?;
        Ok(Self { http, server, is_quiet })
    }

    /// Says something that is not the data.
    pub(super) fn tell(&self, words: &str) {
        if !self.is_quiet {
            terminal::tell(words);
        }
    }

    pub(super) const fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<Request<'_>, Failure> {
        let mut url = self.server.url.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::new("The address of the server cannot have a path."))?
            .extend(["api", "v1"])
            .extend(path);
        let what = format!("waiting for {}", self.server.url.host_str().unwrap_or("the server"));
        Ok(Request { client: self, method, url, body: None, idempotency_key: None, wait: Duration::ZERO, what })
    }

    /// Asks for something.
    pub(super) fn get(&self, path: &[&str]) -> Result<Request<'_>, Failure> {
        self.request(Method::GET, path)
    }

    /// Asks to do something that takes nothing.
    pub(super) fn act(&self, path: &[&str]) -> Result<Request<'_>, Failure> {
        self.request(Method::POST, path)
    }

    /// Asks to do something.
    pub(super) fn post(&self, path: &[&str], body: &impl Serialize) -> Result<Request<'_>, Failure> {
        let body = serde_json::to_value(body).map_err(Failure::new)?;
        Ok(Request { body: Some(body), ..self.request(Method::POST, path)? })
    }
}

impl Request<'_> {
    /// What the query says, from a type of the API; what is null is left out.
    pub(super) fn query(mut self, query: &impl Serialize) -> Result<Self, Failure> {
        let query = serde_json::to_value(query).map_err(Failure::new)?;
        for (name, value) in query.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.url.query_pairs_mut().append_pair(name, &text);
        }
        Ok(self)
    }

    /// Under this key it is done once, however often it is sent.
    pub(super) fn once(mut self, key: &str) -> Self {
        self.idempotency_key = Some(key.to_owned());
        self
    }

    /// The server was asked to wait that long before it answers.
    pub(super) fn waits(mut self, wait: Duration, what: String) -> Self {
        (self.wait, self.what) = (wait, what);
        self
    }

    fn may_be_sent_again(&self) -> bool {
        self.method == Method::GET || self.idempotency_key.is_some()
    }

    fn made(&self) -> RequestBuilder {
        let request = self.client.http.request(self.method.clone(), self.url.clone());
        let mut request = request.bearer_auth(self.client.server.key.expose());
        if let Some(key) = &self.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        match &self.body {
            Some(body) => request.header("Content-Type", "application/json").body(body.to_string()),
            None => request,
        }
    }

    async fn received(&self) -> Result<Received, Silent> {
        let mut response = self.made().timeout(PATIENCE + self.wait).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST {
                return Err(Silent::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Received { status, headers, body })
    }

    /// How long to wait before the next sending; nothing when there is none.
    fn pause(&self, tries: u32, received: Result<&Received, &Silent>) -> Option<Duration> {
        if tries >= TRIES || !self.may_be_sent_again() {
            return None;
        }
        let usual = PAUSE * 2_u32.pow(tries - 1);
        match received {
            Ok(received) => match received.status.as_u16() {
                429 | 502 | 503 | 504 => Some(retry_after(&received.headers).unwrap_or(usual)).filter(|pause| *pause <= LONGEST_PAUSE),
                // Another sending of the same request is being carried out.
                409 if tries > 1 && code_of(&received.body).as_deref() == Some("idempotency_key_in_use") => Some(usual),
                _ => None,
            },
            Err(Silent::Request(error)) if !error.is_builder() => Some(usual),
            Err(_) => None,
        }
    }

    async fn sent(&self) -> Result<Received, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let received = progress::while_waiting(self.client.is_quiet, &self.what, self.received()).await;
            match self.pause(tries, received.as_ref()) {
                None => return received.map_err(|silent| self.unreachable(&silent)),
                Some(pause) => {
                    let what = format!("trying again in {} s", pause.as_secs_f32().ceil());
                    progress::while_waiting(self.client.is_quiet, &what, tokio::time::sleep(pause)).await;
                }
            }
        }
    }

    /// Sends it, and reads what is answered.
    pub(super) async fn send<T: DeserializeOwned>(&self) -> Result<Answer<T>, Failure> {
        let received = self.sent().await?;
        if !received.status.is_success() {
            return Err(self.refused(&received));
        }
        let raw = if received.body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice::<Value>(&received.body) };
        let raw = raw.map_err(|error| self.not_ours(&error.to_string()))?;
        let value = T::deserialize(&raw).map_err(|error| self.not_ours(&error.to_string()))?;
        Ok(Answer { raw, value, is_replayed: received.headers.contains_key("idempotency-replayed") })
    }

    /// Sends it, and gives the answer to be read piece by piece.
    pub(super) async fn stream(&self) -> Result<reqwest::Response, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let sent = tokio::time::timeout(PATIENCE, self.made().send());
            let received = match progress::while_waiting(self.client.is_quiet, &self.what, sent).await {
                Ok(Ok(response)) if response.status().is_success() => return Ok(response),
                Ok(Ok(response)) => {
                    let (status, headers) = (response.status(), response.headers().clone());
                    Ok(Received { status, headers, body: response.bytes().await.unwrap_or_default().to_vec() })
                }
                Ok(Err(error)) => Err(Silent::Request(error)),
                Err(_) => return Err(self.too_slow()),
            };
            match (self.pause(tries, received.as_ref()), received) {
                (Some(pause), _) => tokio::time::sleep(pause).await,
                (None, Ok(received)) => return Err(self.refused(&received)),
                (None, Err(silent)) => return Err(self.unreachable(&silent)),
            }
        }
    }

    fn too_slow(&self) -> Failure {
        Failure::of(Exit::Unreachable, format!("{} did not answer in time.", self.client.server.url.origin().ascii_serialization()))
    }

    fn unreachable(&self, silent: &Silent) -> Failure {
        let server = self.client.server.url.origin().ascii_serialization();
        let failure = match silent {
            Silent::TooLarge => return Failure::new(format!("{server} answered more than {} MiB, which is not read.", LARGEST >> 20)),
            Silent::Request(error) if error.is_timeout() => self.too_slow(),
            Silent::Request(error) => {
                Failure::of(Exit::Unreachable, format!("{server} cannot be reached: {}.", terminal::line(&reasons(error))))
            }
        };
        match (&self.idempotency_key, self.may_be_sent_again()) {
            (Some(key), _) => failure.hint(format!(
                "Whether it was done is not known. Repeated with --idempotency-key {} it is done once.",
                terminal::line(key)
            )),
            (None, false) => failure.hint("Whether it was done is not known: look before you repeat it."),
            (None, true) => failure,
        }
    }

    fn not_ours(&self, why: &str) -> Failure {
        let server = self.client.server.url.origin().ascii_serialization();
        Failure::new(format!("{server} answered what this version of mandate does not understand ({}).", terminal::line(why)))
            .hint("If that is the right address, a client of the server's version does.")
    }

    /// What a refusal means.
    fn refused(&self, received: &Received) -> Failure {
        let status = received.status.as_u16();
        let exit = match status {
            400 | 413 | 415 | 422 => Exit::Usage,
            401 | 403 => Exit::Denied,
            404 => Exit::NotFound,
            409 | 412 | 428 => Exit::Conflict,
            429 | 502..=504 => Exit::Unreachable,
            _ => Exit::Failed,
        };
        let Ok(problem) = serde_json::from_slice::<ProblemJson>(&received.body) else {
            let server = self.client.server.url.origin().ascii_serialization();
            let failure = Failure::of(exit, format!("{server} answered {}, and not as Mandate does.", received.status));
            return match received.headers.get("location").and_then(|place| place.to_str().ok()) {
                Some(place) => failure.hint(format!("It points to {}: log in there if that is the server.", terminal::line(place))),
                None => failure.hint("Is that its address, and what stands in front of it well?"),
            };
        };
        let mut failure = Failure::of(exit, terminal::line(&problem.detail));
        // A single field at fault has its sentence in the problem already.
        let field = problem.errors.iter().find(|wrong| wrong.message == problem.detail);
        let field = field.map(|wrong| format!(" of `{}`", terminal::line(&wrong.field))).unwrap_or_default();
        for wrong in problem.errors.iter().filter(|wrong| wrong.message != problem.detail) {
            failure = failure.hint(format!("{}: {}", terminal::line(&wrong.field), terminal::line(&wrong.message)));
        }
        if status == 401 {
            failure = failure.hint(&self.client.server.renewal);
        }
        if let Some(pause) = retry_after(&received.headers).filter(|_| exit == Exit::Unreachable) {
            failure = failure.hint(format!("The server asks to come back in {} s.", pause.as_secs()));
        }
        failure.hint(format!("({}{field}, request {:?})", terminal::line(&problem.code), problem.request))
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get("retry-after")?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn code_of(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<ProblemJson>(body).ok().map(|problem| problem.code.into_owned())
}

/// Everything that led to an error, from the outside in, each said once.
fn reasons(error: &reqwest::Error) -> String {
    let mut reasons: Vec<String> = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let words = error.to_string();
        if !reasons.iter().any(|known| known.contains(&words)) {
            reasons.push(words);
        }
        source = error.source();
    }
    if reasons.is_empty() { error.to_string() } else { reasons.join(": ") }
}
