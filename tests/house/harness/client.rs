//! A browser as the actor: `acme.approver.get("/t/acme/approvals").await`.
//!
//! It keeps its session's cookie, says where its requests come from as browsers do, takes the form token from a page, and
//! follows no redirect by itself.

use std::sync::{Arc, OnceLock};

use domain::{PersonId, TenantId, machine::OsEntropy};
use reqwest::{
    Method, RequestBuilder, Response,
    header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE},
};
use tokio::sync::OnceCell;

use super::page;

/// One browser; clones share its session.
#[derive(Clone)]
pub struct Client {
    origin: String,
    /// Who it is, when it is anybody.
    pub who: Option<Who>,
    csrf: Arc<OnceCell<String>>,
}

/// The one who is signed in.
#[derive(Debug, Clone)]
pub struct Who {
    pub person: PersonId,
    pub email: String,
    pub cookie: String,
    /// The API key with everything they may; nothing for those who have none.
    pub key: Option<String>,
    /// The tenant they work in, by its id and the word in addresses.
    pub home: Option<(TenantId, String)>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// What was asked, for messages.
    pub asked: String,
}

/// No connection is kept: servers come and go with their tests.
#[expect(clippy::disallowed_methods, reason = "a browser, and not a call of the product")]
fn http() -> &'static reqwest::Client {
    static HTTP: OnceLock<reqwest::Client> = OnceLock::new();
    HTTP.get_or_init(|| {
        tools::install_crypto();
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).pool_max_idle_per_host(0).no_proxy();
        builder.build().unwrap()
    })
}

impl Client {
    /// A browser in front of the house at `origin`, signed in or not.
    pub fn new(origin: &str, who: Option<Who>) -> Self {
        Self { origin: origin.to_owned(), who, csrf: Arc::default() }
    }

    /// The one who is signed in.
    pub fn who(&self) -> &Who {
        self.who.as_ref().expect("somebody who is signed in")
    }

    /// The e-mail address of the one who is signed in.
    pub fn email(&self) -> &str {
        &self.who().email
    }

    /// A request without any of what browsers add.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http://") { path.to_owned() } else { format!("{}{path}", self.origin) };
        http().request(method, url)
    }

    /// A request as a page of ours sends it, without a body.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let safe = method == Method::GET || method == Method::HEAD;
        let mut request = self.bare(method, path).header("user-agent", "Browser/1.0 (tests)");
        if !safe {
            request = request.header("sec-fetch-site", "same-origin").header("origin", &self.origin);
        }
        match &self.who {
            Some(who) => request.header(COOKIE, format!("sid={}", who.cookie)),
            None => request,
        }
    }

    /// The token of this session's forms, as a page shows it.
    pub async fn csrf(&self) -> &str {
        let read = async || {
            let answer = self.get("/account").await.expect(200);
            page::forms(&answer.text).into_iter().find_map(|form| form.value("csrf").map(str::to_owned)).expect("a form with a token")
        };
        self.csrf.get_or_init(read).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// The same, where the server may be gone.
    pub async fn try_get(&self, path: &str) -> Option<Answer> {
        Answer::try_of(self.request(Method::GET, path)).await.ok()
    }

    /// Sends a form. Whoever is signed in sends the token along.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        Answer::of(self.form(path, fields).await).await
    }

    /// The same, where the server may be gone.
    pub async fn try_post(&self, path: &str, fields: &[(&str, &str)]) -> Option<Answer> {
        Answer::try_of(self.form(path, fields).await).await.ok()
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut body: Vec<(&str, &str)> = fields.to_vec();
        if self.who.is_some() {
            let token = self.csrf().await;
            if !fields.iter().any(|(name, _)| *name == "csrf") {
                body.push(("csrf", token));
            }
        }
        self.request(Method::POST, path).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(urlencoded(&body))
    }

    /// Asks the API with the key of this person, if they have one; never with their cookie.
    pub async fn api(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&serde_json::Value>) -> Answer {
        Answer::of(self.api_request(method, path, headers, body)).await
    }

    /// The same, not sent yet.
    pub fn api_request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&serde_json::Value>) -> RequestBuilder {
        let mut request = self.bare(method, path);
        if let Some(key) = self.who.as_ref().and_then(|who| who.key.as_ref()) {
            request = request.bearer_auth(key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            None => request,
        }
    }

    /// The same person with another key or access token.
    pub fn with_key(&self, key: &str) -> Self {
        let who = self.who.clone().map(|who| Who { key: Some(key.to_owned()), ..who });
        Self { who, ..self.clone() }
    }

    /// Sends the form of a page that goes to `action`, as it stands there but for these fields.
    pub async fn submit(&self, page: &Answer, action: &str, fields: &[(&str, &str)]) -> Answer {
        let forms = page::forms(&page.text);
        let form = forms.iter().find(|form| form.action == action);
        let form = form.unwrap_or_else(|| {
            let actions: Vec<&str> = forms.iter().map(|form| form.action.as_str()).collect();
            panic!("{} has no form to {action}, only {actions:?}", page.asked)
        });
        let mut sent: Vec<(&str, &str)> = form
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !fields.iter().any(|(given, _)| given == name))
            .collect();
        for (name, _) in fields {
            assert!(form.names.iter().any(|known| known == name), "the form to {action} has no field {name}, only {:?}", form.names);
        }
        sent.extend(fields);
        self.post(action, &sent).await
    }

    /// Uploads a file as the field `file` of a form.
    pub async fn upload(&self, path: &str, fields: &[(&str, &str)], file: (&str, &str, &str)) -> Answer {
        const BOUNDARY: &str = "----a-boundary-of-the-tests";
        let mut body = String::new();
        let token = self.csrf().await;
        for (name, value) in fields.iter().chain(&[("csrf", token)]) {
            body.push_str(&format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
        }
        let (field, name, text) = file;
        body.push_str(&format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: text/markdown\r\n\r\n{text}\r\n--{BOUNDARY}--\r\n"
        ));
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}")).body(body);
        Answer::of(request).await
    }

    /// Sends an archive as the file of a form, as a page does. Whoever is signed in sends the token along.
    pub async fn send_archive(&self, path: &str, archive: &[u8]) -> Answer {
        const BOUNDARY: &str = "----a-boundary-of-the-tests";
        let token = if self.who.is_some() { self.csrf().await } else { "" };
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{token}\r\n--{BOUNDARY}\r\n\
             Content-Disposition: form-data; name=\"archive\"; filename=\"bundle.zip\"\r\nContent-Type: application/zip\r\n\r\n"
        );
        let body = [head.as_bytes(), archive, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"));
        Answer::of(request.body(body)).await
    }

    /// Sends the form of a page that sends an archive back, as it stands there.
    pub async fn submit_archive(&self, page: &Answer, action: &str) -> Answer {
        const BOUNDARY: &str = "----a-boundary-of-the-tests";
        let forms = page::forms(&page.text);
        let form = forms.iter().find(|form| form.action == action).expect("a form that sends the archive back");
        let part = |(name, value): &(String, String)| {
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = format!("{}--{BOUNDARY}--\r\n", form.fields.iter().map(part).collect::<String>());
        let request = self.request(Method::POST, action).header(CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"));
        Answer::of(request.body(body)).await
    }

    /// Sends an archive to the API with the key of this person, if they have one.
    pub async fn api_archive(&self, path: &str, content_type: &str, archive: &[u8]) -> Answer {
        Answer::of(self.api_request(Method::POST, path, &[("content-type", content_type)], None).body(archive.to_vec())).await
    }

    /// Opens a stream of events; it is read with [`Response::chunk`].
    pub async fn stream(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// The same browser after somebody signed in, with the cookie of that answer.
    pub fn with_cookie_of(&self, answer: &Answer) -> Self {
        let cookie = answer.cookie("sid").expect("a session").to_owned();
        // Who that is only the server knows.
        let who = Who { person: PersonId::new(super::START, &OsEntropy), email: String::new(), cookie, key: None, home: None };
        Self::new(&self.origin, Some(who))
    }
}

impl Answer {
    /// Sends a request and reads what comes back; of a stream of events only the head.
    pub async fn of(request: RequestBuilder) -> Self {
        Self::try_of(request).await.unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// The same, where the server may be gone.
    pub async fn try_of(request: RequestBuilder) -> reqwest::Result<Self> {
        let (client, request) = request.build_split();
        let request = request?;
        let asked = format!("{} {}", request.method(), request.url());
        let response = client.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let is_stream = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let text = if is_stream { String::new() } else { response.text().await? };
        Ok(Self { status, headers, text, asked })
    }

    /// The same answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.asked, page::words(&self.text));
        self
    }

    /// Where it sends the browser.
    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// A header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The whole cookie of this name that it sets.
    pub fn set_cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        cookies.into_iter().find(|cookie| cookie.split('=').next() == Some(name))
    }

    /// The value of a cookie that it sets.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.set_cookie(name)?.split(';').next()?.split_once('=').map(|(_, value)| value)
    }

    /// What a person reads on the page, on one line.
    pub fn words(&self) -> String {
        page::words(&self.text)
    }

    /// The same answer, if the page says all of this.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        let words = self.words();
        for part in parts {
            assert!(words.contains(part), "{} does not say `{part}`: {words}", self.asked);
        }
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}: {}", self.asked, self.text))
    }

    /// The stable code of the problem that the API answered.
    #[track_caller]
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.asked);
        self.json()["code"].as_str().unwrap().to_owned()
    }

    /// The kind of answer, for tables: its status, or `sign-in` where it leads there and nothing else was done.
    pub fn class(&self) -> String {
        let did_something = self.cookie("sid").is_some() || self.cookie("notice").is_some();
        let leads_to_sign_in = self.status == 303 && self.location().starts_with("/sign-in") && !did_something;
        if leads_to_sign_in { "sign-in".to_owned() } else { self.status.to_string() }
    }
}

/// Fields in the form of a simple form's body.
pub fn urlencoded(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
    };
    fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}
