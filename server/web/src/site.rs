//! What all requests share: the platform, how browsers reach it, open streams, which pages there are.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use domain::{Entropy, Permission, Secret, Timestamp};
use platform::Platform;
use tokio::sync::watch;

use crate::{
    address::AddressRange,
    cookies::Cookies,
    limits::{Allowances, Limiter, RequestLimits},
    live::OpenStreams,
    metrics::{Door, Metrics},
    route::Route,
};

/// How long an answer to `/readyz` holds: each look writes to the database, and anybody may ask.
const READY_FOR: Duration = Duration::from_secs(1);

/// How the pages are served, beyond what the platform knows.
pub struct WebConfig {
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<AddressRange>,
    /// Where the nonces of the content security policy come from.
    pub entropy: Arc<dyn Entropy>,
    /// Threads that answer requests; at least 1.
    pub workers: usize,
    /// How often one client may ask.
    pub limits: RequestLimits,
    /// How long requests that are being answered may take when the server stops.
    pub grace: Duration,
    /// What opens `/metrics`; without one, only this machine reads it.
    pub metrics_token: Option<Secret>,
}

/// What all requests share.
pub(crate) struct Site {
    pub(crate) platform: Platform,
    pub(crate) trusted_proxies: Vec<AddressRange>,
    pub(crate) cookies: Cookies,
    /// The origin of our pages as browsers write it.
    pub(crate) public_origin: String,
    pub(crate) streams: Arc<OpenStreams>,
    /// Becomes true when the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
    entropy: Arc<dyn Entropy>,
    /// What it takes to see a page of a tenant, by its pattern.
    pages: HashMap<&'static str, Permission>,
    /// The patterns of what is answered however often somebody asks.
    unlimited: HashSet<&'static str>,
    limiter: Limiter,
    pub(crate) metrics: Metrics,
    pub(crate) metrics_door: Door,
    ready: Mutex<Option<(Timestamp, bool)>>,
}

impl Site {
    /// The site of a platform with these routes.
    pub(crate) fn new(platform: Platform, config: &WebConfig, routes: &[Route], stopping: watch::Receiver<bool>) -> Self {
        let public_url = &platform.settings().public_url;
        let pages = routes
            .iter()
            .filter(|route| route.info().method == Method::GET.as_str())
            .filter_map(|route| Some((route.info().path, route.permission()?)))
            .collect();
        Self {
            trusted_proxies: config.trusted_proxies.clone(),
            cookies: Cookies { https: public_url.starts_with("https://") },
            unlimited: routes.iter().filter(|route| route.is_unlimited()).map(|route| route.info().path).collect(),
            limiter: Limiter::new(config.limits),
            metrics: Metrics::new(),
            metrics_door: Door::new(config.metrics_token.as_ref()),
            public_origin: origin(public_url),
            streams: Arc::default(),
            stopping,
            entropy: Arc::clone(&config.entropy),
            pages,
            ready: Mutex::default(),
            platform,
        }
    }

    /// The permission that a page of a tenant asks for; `None` when there is no such page.
    pub(crate) fn page(&self, pattern: &str) -> Option<Permission> {
        self.pages.get(pattern).copied()
    }

    /// Counts a request to a path with this pattern, where requests are counted.
    pub(crate) fn count(&self, pattern: Option<&str>, address: IpAddr, shown: Option<&Secret>) -> Allowances {
        if pattern.is_some_and(|pattern| self.unlimited.contains(pattern)) {
            return Allowances::default();
        }
        self.limiter.take(self.platform.now(), address, shown)
    }

    /// 128 random bits for one answer.
    pub(crate) fn nonce(&self) -> String {
        let mut bytes = [0_u8; 16];
        self.entropy.fill(&mut bytes);
        STANDARD_NO_PAD.encode(bytes)
    }

    /// Whether this node can do its work, as it was within the last second.
    pub(crate) async fn is_ready(&self) -> bool {
        let now = self.platform.now();
        let known = *self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, is_ready)) = known
            && at <= now
            && now.since(at) < READY_FOR
        {
            return is_ready;
        }
        let probed = self.platform.readiness().await;
        if let Err(why) = &probed {
            tracing::warn!(%why, "not ready: {why}");
        }
        *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, probed.is_ok()));
        probed.is_ok()
    }
}

/// The origin of an address as browsers write it: in lower case, without the scheme's own port and without a path.
fn origin(url: &str) -> String {
    let url = url.to_ascii_lowercase();
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", &url));
    let authority = rest.split('/').next().unwrap_or_default();
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    format!("{scheme}://{}", authority.strip_suffix(own_port).unwrap_or(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (url, written) in [
            ("https://Mandate.example", "https://mandate.example"),
            ("https://mandate.example:443/x", "https://mandate.example"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://mandate.example:80", "https://mandate.example:80"),
        ] {
            assert_eq!(origin(url), written);
        }
    }
}
