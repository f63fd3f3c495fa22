//! The door of the API: [`route`] ties a permission, a method, a path and a handler together, and everything that happens
//! before and after a handler happens here, for every operation alike.
//!
//! Before: the key, the permission, the body with its limits, and whether the request was answered before. After: a denial
//! is recorded, an error becomes a problem, the answer is remembered. A handler that was written for another permission
//! than its line names does not compile. Nothing here reads a cookie, so no page of another site can borrow a session.

use std::{future::Future, marker::PhantomData, panic::AssertUnwindSafe, rc::Rc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    dev::Payload,
    http::{
        Method,
        header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName},
    },
    web::{self, Bytes, BytesMut},
};
use domain::{Actor, Denied, Permission, PermissionMarker, Problem};
use futures_util::{FutureExt, StreamExt};
use platform::{Error, Platform, access::ApiCaller, idempotency::Doing};
use sha2::{Digest, Sha256};

use super::{
    Result,
    ask::{Ask, Asked},
    problem,
    reply::{self, Reply},
    schema::{Components, Operation},
};
use crate::{
    body::Fields,
    form,
    route::{Route, RouteInfo, for_method, method_name, panicked, record_denial},
    visit::Visit,
};

/// How long a body may take to come.
const SLOWEST_BODY: Duration = Duration::from_secs(30);
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A kind of access to the API: [`Key`] or [`AnyKey`].
pub(crate) trait Access: Copy + Send + Sync + 'static {
    /// What the handler's call is typed with.
    type Right: 'static;
    /// The permission that key and owner must have.
    const PERMISSION: Option<Permission>;
}

/// Somebody with a key who has the permission: `Key(RunRead)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<P>(pub P);

/// Anybody with a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnyKey;

impl<P: PermissionMarker> Access for Key<P> {
    type Right = P;
    const PERMISSION: Option<Permission> = Some(P::PERMISSION);
}

impl Access for AnyKey {
    type Right = Self;
    const PERMISSION: Option<Permission> = None;
}

/// The one who calls, who has the permission `P`.
pub(crate) struct Call<P> {
    visit: Rc<Visit>,
    caller: Rc<ApiCaller>,
    right: PhantomData<fn() -> P>,
}

impl<P> Call<P> {
    /// The platform, for its verbs.
    pub(crate) fn platform(&self) -> &Platform {
        self.visit.platform()
    }

    /// The actor, for the verbs of the platform.
    pub(crate) fn actor(&self) -> &Actor {
        &self.caller.actor
    }

    /// The key or the token that was shown.
    pub(crate) fn caller(&self) -> &ApiCaller {
        &self.caller
    }
}

/// Makes a route of the API. GET answers HEAD as well. The name of the operation is that of its handler.
pub(crate) fn route<A, H, F, I, O>(_access: A, method: Method, path: &'static str, summary: &'static str, handler: H) -> Route
where
    A: Access,
    H: Fn(Call<A::Right>, I) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<O>>,
    I: Ask + 'static,
    O: Reply + 'static,
{
    let name = method_name(&method);
    let permission = A::PERMISSION.map(Permission::name);
    let info = RouteInfo { path, method: name, access: "api", permission };
    let is_unsafe = method != Method::GET;
    let describe = move |components: &mut Components| {
        let mut operation = Operation {
            id: std::any::type_name::<H>().rsplit("api::").next().unwrap_or_default().replace("::", "."),
            summary,
            permission,
            path_names: path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect(),
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            problems: [401, 422, 429, 503].into(),
        };
        I::describe(&mut operation, components);
        O::describe(&mut operation, components);
        if A::PERMISSION.is_some() {
            operation.problems(&[403]);
        }
        if is_unsafe {
            operation.problems(&[409]);
        }
        if name == "POST" && O::MAY_BE_KEPT {
            operation.problems(&[400, 422]);
            let schema = serde_json::json!({"type": "string", "minLength": 1, "maxLength": 255});
            let words =
                "A key of your own, new for every new request: sent again within a day, the request is done once and answered alike.";
            operation.parameter("header", "Idempotency-Key", false, schema, Some(words));
        }
        operation
    };
    let build = move || {
        let handler = handler.clone();
        for_method(&method).to(move |request: HttpRequest, payload: web::Payload| {
            let handler = handler.clone();
            async move { answer::<A, H, F, I, O>(handler, request, payload.into_inner()).await }
        })
    };
    Route::of_api(info, A::PERMISSION, Box::new(build), Box::new(describe))
}

/// The only way to a handler.
async fn answer<A, H, F, I, O>(handler: H, request: HttpRequest, payload: Payload) -> HttpResponse
where
    A: Access,
    H: Fn(Call<A::Right>, I) -> F,
    F: Future<Output = Result<O>>,
    I: Ask,
    O: Reply,
{
    let Some(visit) = Visit::of(&request) else { return HttpResponse::InternalServerError().finish() };
    let attempt = AssertUnwindSafe(attempt::<A, H, F, I, O>(handler, &request, payload, &visit)).catch_unwind().await;
    match attempt {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => problem::refuse(&visit, &error),
        Err(panic) => problem::refuse(&visit, &panicked(panic.as_ref())),
    }
}

async fn attempt<A, H, F, I, O>(handler: H, request: &HttpRequest, mut payload: Payload, visit: &Rc<Visit>) -> Result<HttpResponse>
where
    A: Access,
    H: Fn(Call<A::Right>, I) -> F,
    F: Future<Output = Result<O>>,
    I: Ask,
    O: Reply,
{
    let bearer = bearer(request.headers())?;
    let caller = visit.platform().api_caller(bearer, visit.facts().clone()).await?;
    let done = attempt_as::<A, H, F, I, O>(handler, request, &mut payload, visit, caller.clone()).await;
    if let Err(error) = &done {
        record_denial(visit, &caller.actor, error).await;
    }
    done
}

async fn attempt_as<A, H, F, I, O>(
    handler: H,
    request: &HttpRequest,
    payload: &mut Payload,
    visit: &Rc<Visit>,
    mut caller: ApiCaller,
) -> Result<HttpResponse>
where
    A: Access,
    H: Fn(Call<A::Right>, I) -> F,
    F: Future<Output = Result<O>>,
    I: Ask,
    O: Reply,
{
    if let Some(permission) = A::PERMISSION.filter(|permission| !caller.actor.may(*permission)) {
        return Err(missing(&caller, permission));
    }
    let body = tokio::time::timeout(SLOWEST_BODY, read_body(request.headers(), payload, I::HAS_BODY.then_some(I::LONGEST_BODY))).await;
    let body =
        body.map_err(|_| Problem::new(408, "too_slow", "The body did not come to its end within 30 seconds, and nothing was done."))??;
    if !I::HAS_QUERY
        && let Some((name, _)) = Fields::from_urlencoded(request.query_string().as_bytes())?.0.into_iter().next()
    {
        return Err(form::unknown_parameter(&name, &[]).into());
    }
    let mut once = None;
    if request.method() == Method::POST
        && O::MAY_BE_KEPT
        && let Some(key) = idempotency_key(request.headers())?
    {
        match visit.platform().once(caller.actor, key, digest(request, &body)).await? {
            Doing::Before(answer) => return Ok(reply::again(&answer)),
            Doing::Now(actor) => caller.actor = actor,
        }
        once = Some(caller.actor.clone());
    }
    let input = I::take(&Asked { request, body })?;
    let call = Call { visit: Rc::clone(visit), caller: Rc::new(caller), right: PhantomData };
    let sent = handler(call, input).await?.into_sent()?;
    if let (Some(actor), Some(kept)) = (once, sent.kept())
        && let Err(error) = visit.platform().remember_answer(&actor, &kept).await
    {
        let request = &visit.facts().id;
        tracing::warn!(%request, %error, "request {request}: its answer could not be remembered: {error}");
    }
    Ok(sent.into_response())
}

/// The owner may lack a permission, or only the key: the second is nothing for the log of denials to keep, but its owner has
/// to be told.
fn missing(caller: &ApiCaller, permission: Permission) -> Error {
    if caller.scopes.contains(permission) {
        return Denied::Forbidden { kind: "API", permission, id: String::new() }.into();
    }
    Problem::new(403, "scope_missing", format!("This API key or access token is not for {permission}. Make one with that scope.")).into()
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let wrong = || Problem::new(401, "key_missing", "Show an API key or an access token: Authorization: Bearer …");
    let mut values = headers.get_all(AUTHORIZATION);
    let value = values.next().and_then(|value| value.to_str().ok()).ok_or_else(wrong)?;
    let (scheme, bearer) = value.split_once(' ').ok_or_else(wrong)?;
    let bearer = bearer.trim();
    if values.next().is_some() || !scheme.eq_ignore_ascii_case("bearer") || bearer.is_empty() {
        return Err(wrong());
    }
    Ok(bearer)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(&IDEMPOTENCY_KEY);
    let wrong = || Problem::new(400, "idempotency_key_invalid", "Send one Idempotency-Key of visible ASCII characters.");
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(wrong());
    }
    value.to_str().map(Some).map_err(|_| wrong())
}

/// SHA-256 of everything that a request asks for, each part with its length before it.
fn digest(request: &HttpRequest, body: &[u8]) -> [u8; 32] {
    let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let mut hasher = Sha256::new();
    for part in [request.method().as_str().as_bytes(), target.as_bytes(), body] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

fn too_large(most: usize) -> Problem {
    Problem::new(413, "too_large", format!("The body is larger than {} MiB.", most >> 20))
}

/// Reads the body; `longest` is nothing where none is taken.
async fn read_body(headers: &HeaderMap, payload: &mut Payload, longest: Option<usize>) -> Result<Bytes, Problem> {
    // What must not be there is told from what is too large.
    let most = longest.unwrap_or(<() as Ask>::LONGEST_BODY);
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::new(400, "broken_body", "The body ended too early."))?;
        if body.len() + chunk.len() > most {
            return Err(too_large(most));
        }
        body.extend_from_slice(&chunk);
    }
    if longest.is_none() && !body.is_empty() {
        return Err(Problem::new(400, "unexpected_body", "Nothing is taken in the body here. Send it without one."));
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn one_bearer_is_shown_and_nothing_else() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            bearer(&headers).map(str::to_owned).map_err(|problem| problem.status)
        };
        assert_eq!(read(&["Bearer x"]), Ok("x".to_owned()));
        assert_eq!(read(&["bearer  x "]), Ok("x".to_owned()));
        for wrong in [&[][..], &["Basic eDp5"], &["Bearer"], &["Bearer "], &["x"], &["Bearer x", "Bearer x"]] {
            assert_eq!(read(wrong), Err(401), "{wrong:?}");
        }
    }
}
