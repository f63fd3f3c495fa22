//! How a route comes into being: [`route`] ties an access, a method, a path and a handler together, and everything that must
//! happen before and after a handler happens here, for every route alike.
//!
//! Before: the browser's word on where an unsafe request comes from, the session, the body with its limits, the session's token,
//! membership, the permission. After: a denial is recorded, an error becomes a page, a panic an answer.
//!
//! ```
//! use web::route::{Answer, Grant, Member, Method, route};
//! use domain::permission::RunRead;
//!
//! async fn list(grant: Grant<RunRead>) -> Answer {
//!     Ok(grant.visit().see_other("/"))
//! }
//! let _ = route(Member(RunRead), Method::GET, "/t/{slug}/runs", list);
//! ```
//!
//! A handler that was written for another permission than its route names does not compile:
//!
//! ```compile_fail
//! use web::route::{Answer, Grant, Member, Method, route};
//! use domain::permission::{RunCancel, RunRead};
//!
//! async fn cancel(grant: Grant<RunCancel>) -> Answer {
//!     Ok(grant.visit().see_other("/"))
//! }
//! let _ = route(Member(RunRead), Method::POST, "/t/{slug}/runs/{id}/cancellation", cancel);
//! ```

use std::{any::Any, collections::BTreeMap, panic::AssertUnwindSafe, rc::Rc, sync::Arc, time::Duration};

use actix_web::{
    Handler, HttpRequest, HttpResponse,
    dev::Payload,
    guard,
    http::header::{ALLOW, HeaderValue},
    web,
};
use domain::{Actor, Permission, Problem};
use futures_util::FutureExt;
use serde::Serialize;

pub use crate::access::{Access, Account, Caller, Grant, Member, Public, SignedIn, Visitor};
pub use crate::arguments::{Archive, Argument, Arguments, Form, Input, Path, Query};
pub use actix_web::http::Method;

use crate::{
    access::{Opened, Shut},
    api,
    arguments::SLUG,
    body, csrf, problems,
    visit::Visit,
};

/// How long a body may take to come.
const LONGEST_BODY: Duration = Duration::from_secs(30);

/// What verbs give, and what helps handlers.
pub type Result<T> = platform::Result<T>;
/// What handlers give. An error becomes the page or the fragment that tells of it.
pub type Answer = Result<HttpResponse>;

/// What the table of routes says of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RouteInfo {
    /// The path with its variable parts in braces.
    pub path: &'static str,
    /// The method.
    pub method: &'static str,
    /// `public`, `signed_in`, `member` or `api`.
    pub access: &'static str,
    /// What a member needs, by its public name.
    pub permission: Option<&'static str>,
}

/// A route; made by [`route`] and by nothing else.
pub struct Route {
    info: RouteInfo,
    permission: Option<Permission>,
    is_unlimited: bool,
    build: Box<dyn Fn() -> actix_web::Route + Send + Sync>,
    /// What the document of the API says of it, when it is a route of the API.
    describe: Option<api::Describe>,
}

impl Route {
    /// What the table says of it.
    pub const fn info(&self) -> &RouteInfo {
        &self.info
    }

    /// A route of the API, which has doors of its own.
    pub(crate) fn of_api(
        info: RouteInfo,
        permission: Option<Permission>,
        build: Box<dyn Fn() -> actix_web::Route + Send + Sync>,
        describe: api::Describe,
    ) -> Self {
        Self { info, permission, is_unlimited: false, build, describe: Some(describe) }
    }

    /// What the document of the API says of it, when it is a route of the API.
    pub(crate) const fn describe(&self) -> Option<&api::Describe> {
        self.describe.as_ref()
    }

    /// The same route, answered however often somebody asks: for what costs next to nothing, and what must be answered.
    #[must_use]
    pub(crate) fn unlimited(self) -> Self {
        Self { is_unlimited: true, ..self }
    }

    /// Whether it is answered however often somebody asks.
    pub(crate) const fn is_unlimited(&self) -> bool {
        self.is_unlimited
    }

    /// What a member needs.
    pub(crate) const fn permission(&self) -> Option<Permission> {
        self.permission
    }
}

/// Makes a route. GET answers HEAD as well.
pub fn route<A, H, Args>(access: A, method: Method, path: &'static str, handler: H) -> Route
where
    A: Access,
    H: Handler<Args, Output = Answer> + Send + Sync,
    Args: Arguments<A::Door> + 'static,
{
    let info = RouteInfo { path, method: method_name(&method), access: A::NAME, permission: A::PERMISSION.map(Permission::name) };
    let build = move || {
        let handler = handler.clone();
        for_method(&method).to(move |request: HttpRequest, payload: web::Payload| {
            let handler = handler.clone();
            async move { answer(access, handler, request, payload.into_inner()).await }
        })
    };
    Route { info, permission: A::PERMISSION, is_unlimited: false, build: Box::new(build), describe: None }
}

/// How the tables of routes call a method.
pub(crate) fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        _ => "another method",
    }
}

/// What takes a method. GET answers HEAD as well.
pub(crate) fn for_method(method: &Method) -> actix_web::Route {
    if *method == Method::GET { web::route().guard(guard::Any(guard::Get()).or(guard::Head())) } else { web::method(method.clone()) }
}

/// The error of a handler that panicked.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> platform::Error {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    platform::Error::Broken(format!("a handler panicked: {}", message.unwrap_or("without a message")))
}

/// Hands the routes to actix, path by path; what a path does not know answers 405, what no path is answers 404.
#[expect(clippy::disallowed_methods, reason = "the one place where routes enter the server")]
pub(crate) fn mount(routes: &[Route], config: &mut web::ServiceConfig) {
    let mut paths: BTreeMap<&'static str, Vec<&Route>> = BTreeMap::new();
    for route in routes {
        paths.entry(route.info.path).or_default().push(route);
    }
    for (path, routes) in paths {
        let mut methods: Vec<&str> = routes.iter().map(|route| route.info.method).collect();
        methods.sort_unstable();
        let methods: Arc<str> = methods.join(", ").into();
        let mut resource = web::resource(path);
        for route in routes {
            resource = resource.route((route.build)());
        }
        config.service(resource.default_service(web::to(move |request: HttpRequest| {
            let methods = Arc::clone(&methods);
            async move { wrong_method(&request, &methods).await }
        })));
    }
    config.default_service(web::to(|request: HttpRequest| async move { refuse(&request, Problem::not_found("page")).await }));
}

async fn wrong_method(request: &HttpRequest, methods: &str) -> HttpResponse {
    let problem = Problem::new(405, "method_not_allowed", format!("This address takes {methods} and not {}.", request.method()));
    let mut response = refuse(request, problem).await;
    if let Ok(methods) = HeaderValue::from_str(methods) {
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}

/// Answers a request that reaches no handler.
pub(crate) async fn refuse(request: &HttpRequest, problem: Problem) -> HttpResponse {
    match Visit::of(request) {
        Some(visit) if api::is_below(request.path()) => api::refuse(&visit, &problem.into()),
        Some(visit) => problems::answer(&Caller::stranger(visit), &problem.into()).await,
        None => HttpResponse::InternalServerError().finish(),
    }
}

/// The only way to a handler.
async fn answer<A, H, Args>(access: A, handler: H, request: HttpRequest, payload: Payload) -> HttpResponse
where
    A: Access,
    H: Handler<Args, Output = Answer>,
    Args: Arguments<A::Door>,
{
    let Some(visit) = Visit::of(&request) else { return HttpResponse::InternalServerError().finish() };
    let caller = Rc::new(Caller::stranger(Rc::clone(&visit)));
    let attempt = AssertUnwindSafe(attempt(access, handler, &request, payload, &caller)).catch_unwind().await;
    match attempt {
        Ok(Ok(response)) => response,
        Ok(Err(Shut::SignedOut)) => visit.sign_in_first(),
        Ok(Err(Shut::Refused(error))) => {
            if let Some(actor) = caller.actor() {
                record_denial(&visit, &actor, &error).await;
            }
            problems::answer(&caller, &error).await
        }
        Err(panic) => problems::answer(&caller, &panicked(panic.as_ref())).await,
    }
}

async fn attempt<A, H, Args>(
    access: A,
    handler: H,
    request: &HttpRequest,
    mut payload: Payload,
    caller: &Rc<Caller>,
) -> std::result::Result<HttpResponse, Shut>
where
    A: Access,
    H: Handler<Args, Output = Answer>,
    Args: Arguments<A::Door>,
{
    let visit = Rc::clone(&caller.visit);
    if !visit.is_safe() && !csrf::is_from_our_pages(request.headers(), &visit.site().public_origin, visit.cookie().is_some()) {
        return Err(Shut::Refused(
            Problem::new(
                403,
                "cross_site",
                "This was sent from a page of another site, or by a browser that does not say from where. Nothing was done.",
            )
            .into(),
        ));
    }
    if A::NEEDS_SESSION {
        caller.recognise().await?.ok_or(Shut::SignedOut)?;
    }
    let mut sent = body::Sent::default();
    if !visit.is_safe() {
        let read = body::read(request.headers(), &mut payload, Args::TAKES_ARCHIVE);
        sent = tokio::time::timeout(LONGEST_BODY, read)
            .await
            .map_err(|_| platform::Error::from(too_slow()))?
            .map_err(platform::Error::from)?;
        let tokens = sent.fields.take(csrf::FIELD);
        if A::NEEDS_SESSION {
            check_token(&visit, request, tokens)?;
        }
    }
    let Opened(door) = access.open(Rc::clone(caller), request.match_info().get(SLUG)).await;
    let body::Sent { fields, archive } = sent;
    let mut input = Input { request, fields, archive };
    let arguments = Args::take(door?, &mut input)?;
    if let Some((name, _)) = input.fields.0.first() {
        return Err(Shut::Refused(Problem::field(name.clone(), format!("`{name}` is no field of this form.")).into()));
    }
    Ok(handler.call(arguments).await?)
}

fn too_slow() -> Problem {
    Problem::new(408, "too_slow", "What was sent did not come to its end within 30 seconds, and nothing was done. Try again.")
}

/// The session's token must have come with the form or with the request, and every one that came must be right.
fn check_token(visit: &Visit, request: &HttpRequest, mut sent: Vec<String>) -> Result<()> {
    sent.extend(request.headers().get_all(&csrf::HEADER).map(|value| value.to_str().unwrap_or_default().to_owned()));
    let cookie = visit.cookie().map(domain::Secret::expose).unwrap_or_default();
    if !sent.is_empty() && sent.iter().all(|token| visit.platform().csrf_matches(cookie, token)) {
        return Ok(());
    }
    Err(Problem::new(
        403,
        "stale_page",
        "The page this was sent from is older than your sign-in, or was not one of ours. Nothing was done. Load the page again and repeat it there.",
    )
    .into())
}

/// The one place where denials are recorded: on the only way out of every handler and of every door.
pub(crate) async fn record_denial(visit: &Visit, actor: &Actor, error: &platform::Error) {
    let platform::Error::Denied(denied) = error else { return };
    if let Err(error) = visit.platform().record_denial(actor, denied).await {
        let request = &visit.facts().id;
        tracing::error!(%request, %error, "request {request}: a denial could not be recorded: {error}");
    }
}
