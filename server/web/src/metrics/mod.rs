//! `GET /metrics`: numbers about this process and this installation for Prometheus, in the OpenMetrics text format 1.0.
//!
//! What lives here: what is counted as it happens, what is looked up when somebody asks, and who may. `prometheus-client` keeps
//! the counters and writes the format; written by hand, escaping, `_total` and the cumulative buckets would be the part that is
//! wrong. To add a number, add it to [`Metrics`] when it is counted, to `momentary` when it is looked up.
//!
//! Labels take few values, all of them from this program: routes by their pattern, methods and statuses by class. There are no
//! tenants, people or addresses among them: whoever reads the numbers of an installation learns nothing about who uses it.

mod process;

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::{
        Method, StatusCode,
        header::{CONTENT_TYPE, WWW_AUTHENTICATE},
    },
};
use domain::{Problem, Secret};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use sha2::{Digest, Sha256};

use crate::{
    limits::Allowances,
    route::{Answer, Visitor},
    site::Site,
    visit::Visit,
};

/// What the answer calls itself (OpenMetrics 1.0, Negotiation).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The upper ends of the buckets that answers are counted in, in seconds.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// The route of what no route matches.
const UNMATCHED: &str = "unmatched";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRoute {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLimit {
    limit: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

/// What is counted as it happens.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<OfRoute, Histogram, fn() -> Histogram>,
    refused: Family<OfLimit, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let requests = Family::<Answered, Counter>::default();
        let durations: Family<OfRoute, Histogram, fn() -> Histogram> = Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let refused = Family::<OfLimit, Counter>::default();
        let mut registry = Registry::with_prefix("mandate");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", build);
        registry.register("http_requests", "Requests that were answered", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "From the beginning of a request to the beginning of its answer",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register("http_refused", "Requests that came more often than a limit allows", refused.clone());
        Self { registry, requests, durations, refused }
    }

    /// Counts an answer; `route` is the pattern of its path.
    pub(crate) fn answered(&self, route: Option<String>, method: &Method, status: StatusCode, took: Duration) {
        let route = route.unwrap_or_else(|| UNMATCHED.to_owned());
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            _ => "other",
        };
        let status = match status.as_u16() {
            100..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        self.durations.get_or_create(&OfRoute { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Answered { method, route, status }).inc();
    }

    /// Counts the limits that a request ran into.
    pub(crate) fn refused(&self, allowances: &Allowances) {
        for limit in allowances.refused_by() {
            self.refused.get_or_create(&OfLimit { limit }).inc();
        }
    }

    /// Everything, as it is now.
    async fn text(&self, site: &Site) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode_registry(&mut text, &self.registry)?;
        text::encode_registry(&mut text, &momentary(site).await)?;
        process::encode(&mut text)?;
        text::encode_eof(&mut text)?;
        Ok(text)
    }
}

/// What is looked up when somebody asks. What cannot be known then is left out, and `mandate_ready` says that something is wrong.
async fn momentary(site: &Site) -> Registry {
    let mut registry = Registry::with_prefix("mandate");
    let ready = Gauge::<i64>::default();
    ready.set(i64::from(site.is_ready().await));
    registry.register("ready", "Whether this node can do its work: the database takes writes, and the clocks agree", ready);
    let streams = Gauge::<i64>::default();
    streams.set(i64::try_from(site.streams.count()).unwrap_or(i64::MAX));
    registry.register("live_streams", "Pages that are followed live", streams);
    match site.platform.backlog().await {
        Ok(backlog) => {
            let runs = Family::<InState, Gauge>::default();
            for (state, count) in [("driven", backlog.driven), ("due", backlog.due), ("later", backlog.later)] {
                runs.get_or_create(&InState { state }).set(count);
            }
            registry.register("runs", "Open runs that are driven, due and not yet taken, or due at a later moment", runs);
            let mails = Gauge::<i64>::default();
            mails.set(backlog.mails);
            registry.register("mails_waiting", "Mails that were not sent yet", mails);
        }
        Err(error) => tracing::warn!(%error, "what waits could not be counted: {error}"),
    }
    match site.platform.clock_offset().await {
        Ok(Some(offset)) => {
            let clock = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
            clock.set(offset.seconds());
            registry.register_with_unit("clock_offset", "How far the clock of this node is ahead of the database's", Unit::Seconds, clock);
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the database's clock could not be read: {error}"),
    }
    registry
}

/// Who may read the numbers. With a token, whoever shows it, from wherever. Without one, only who is on this machine, and only
/// while nobody reaches this server by another name: a proxy on the same machine looks like somebody who is here.
pub(crate) struct Door {
    /// SHA-256 of the token: comparing takes as long whatever was shown.
    token: Option<[u8; 32]>,
}

enum Shut {
    Token,
    Elsewhere,
}

impl Door {
    pub(crate) fn new(token: Option<&Secret>) -> Self {
        Self { token: token.map(digest) }
    }

    fn opens(&self, visit: &Visit) -> Result<(), Shut> {
        match (&self.token, visit.bearer()) {
            (Some(token), Some(shown)) if *token == digest(shown) => Ok(()),
            (Some(_), _) => Err(Shut::Token),
            (None, _) if visit.is_here() && visit.platform().is_local() => Ok(()),
            (None, _) => Err(Shut::Elsewhere),
        }
    }
}

fn digest(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose()).into()
}

/// `GET /metrics`
pub(crate) async fn show(visitor: Visitor) -> Answer {
    let visit = visitor.visit();
    match visit.site().metrics_door.opens(visit) {
        Ok(()) => {}
        Err(Shut::Token) => {
            return Ok(HttpResponse::Unauthorized().insert_header((WWW_AUTHENTICATE, "Bearer realm=\"metrics\"")).finish());
        }
        Err(Shut::Elsewhere) => return Err(Problem::not_found("page").into()),
    }
    let text = visit.site().metrics.text(visit.site()).await;
    let text = text.map_err(|_| platform::Error::Broken("the metrics could not be written".to_owned()))?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, OPEN_METRICS)).body(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_take_few_values_whatever_is_asked() {
        let metrics = Metrics::new();
        for number in 0..100_u16 {
            let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
            let status = StatusCode::from_u16(500 + number).unwrap();
            metrics.answered(None, &method, status, Duration::from_millis(3));
        }
        let mut text = String::new();
        text::encode_registry(&mut text, &metrics.registry).unwrap();
        let requests: Vec<&str> = text.lines().filter(|line| line.starts_with("mandate_http_requests_total")).collect();
        assert_eq!(requests, ["mandate_http_requests_total{method=\"other\",route=\"unmatched\",status=\"5xx\"} 100"]);
        assert!(text.contains("mandate_http_request_duration_seconds_bucket{le=\"0.005\",route=\"unmatched\"} 100"), "{text}");
    }
}
