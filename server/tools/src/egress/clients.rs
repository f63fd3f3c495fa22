//! HTTP clients, one for each tenant, endpoint and decision about it: connections are never shared
//! between tenants, and one that was opened under a rule does not outlive the rule's change.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use domain::TenantId;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::client::Resumption;
use rustls_platform_verifier::BuilderVerifierExt;

use super::rules::{Gate, Refusal, Target};
use crate::error::{CallError, CallErrorKind};

/// Clients kept; the one that was not used for longest goes first.
const KEPT: usize = 256;
/// How long a connection may take to come about, names and TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept, and how many of a client.
const IDLE: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS: usize = 4;
/// Header fields of one answer.
const MAX_HEADERS: usize = 100;

/// Finds the addresses of a name. The system's resolver in a server; a script in tests.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// Every address of `host`, a name without a port.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Resolves names while connecting and lets through only what the gate admits: nobody can answer
/// differently between the check and the connection.
struct GuardedResolver {
    lookup: Arc<dyn Lookup>,
    gate: Gate,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, gate) = (Arc::clone(&self.lookup), self.gate.clone());
        Box::pin(async move {
            let mut refusal = None;
            let mut admitted = Vec::new();
            for address in lookup.lookup(name.as_str()).await? {
                match gate.admit(address) {
                    Ok(()) => admitted.push(SocketAddr::new(address, 0)),
                    Err(refused) => refusal = Some(refused),
                }
            }
            match refusal {
                Some(refused) if admitted.is_empty() => Err(refused.into()),
                _ if admitted.is_empty() => Err(io::Error::from(io::ErrorKind::NotFound).into()),
                _ => Ok(Box::new(admitted.into_iter()) as Addrs),
            }
        })
    }
}

/// The refusal of the resolver, if that is what stopped a connection.
pub(crate) fn refusal_in(error: &reqwest::Error) -> Option<Refusal> {
    sources(error).find_map(|source| source.downcast_ref::<Refusal>().cloned())
}

/// Whether the other side showed a certificate that does not prove who it is.
pub(crate) fn distrusted(error: &reqwest::Error) -> bool {
    sources(error).any(|source| {
        let mut source = Some(source);
        // An `io::Error` does not name what it wraps as its source; it has to be asked, layer by layer.
        while let Some(layer) = source.and_then(|source| source.downcast_ref::<io::Error>()) {
            source = layer.get_ref().map(|inner| inner as _);
        }
        matches!(source.and_then(|source| source.downcast_ref()), Some(rustls::Error::InvalidCertificate(_)))
    })
}

/// Everything that caused an error, from the outside in.
pub(crate) fn sources<'e>(error: &'e reqwest::Error) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |source| source.source())
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ClientKey {
    partition: TenantId,
    https: bool,
    gate: Gate,
}

#[derive(Default)]
struct Cache {
    clients: HashMap<ClientKey, (reqwest::Client, u64)>,
    uses: u64,
}

pub(crate) struct Clients {
    lookup: Arc<dyn Lookup>,
    /// What the operating system trusts, or why that could not be read.
    https: Result<rustls::ClientConfig, rustls::Error>,
    cache: Mutex<Cache>,
}

impl Clients {
    pub(crate) fn new(lookup: Arc<dyn Lookup>) -> Self {
        Self { lookup, https: trusting_the_system(), cache: Mutex::default() }
    }

    /// The client for this tenant and target.
    pub(crate) fn client(&self, partition: TenantId, target: &Target) -> Result<reqwest::Client, CallError> {
        let key = ClientKey { partition, https: target.url.scheme() == "https", gate: target.gate.clone() };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.uses += 1;
        let now = cache.uses;
        if let Some((client, used)) = cache.clients.get_mut(&key) {
            *used = now;
            return Ok(client.clone());
        }
        let client = self.build(&key)?;
        if cache.clients.len() >= KEPT {
            let oldest = cache.clients.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            oldest.and_then(|key| cache.clients.remove(&key));
        }
        cache.clients.insert(key, (client.clone(), now));
        Ok(client)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes clients")]
    fn build(&self, key: &ClientKey) -> Result<reqwest::Client, CallError> {
        let unavailable = |what: &str| CallError::before(CallErrorKind::Connection, what);
        let mut tls = if key.https {
            self.https.clone().map_err(|_| {
                unavailable("This server has no trusted certificate authorities to check https with. Its operator has to install them (ca-certificates).")
            })?
        } else {
            trusting_nobody().map_err(|_| unavailable("No connection can be made: this server's cryptography does not start."))?
        };
        // Resumption tickets are a kind of connection: not shared either.
        tls.resumption = Resumption::in_memory_sessions(IDLE_CONNECTIONS);
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(GuardedResolver { lookup: Arc::clone(&self.lookup), gate: key.gate.clone() })
            .no_proxy()
            .no_gzip()
            .http1_only()
            .http1_max_headers(MAX_HEADERS)
            .referer(false)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .user_agent(concat!("Mandate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| unavailable("No connection can be made: the HTTP client of this server does not start."))
    }
}

type TlsBuilder = rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier>;

fn tls() -> Result<TlsBuilder, rustls::Error> {
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider())).with_safe_default_protocol_versions()
}

fn trusting_the_system() -> Result<rustls::ClientConfig, rustls::Error> {
    Ok(tls()?.with_platform_verifier()?.with_no_client_auth())
}

/// For plain http, where the client still wants a configuration: it could connect to nobody.
fn trusting_nobody() -> Result<rustls::ClientConfig, rustls::Error> {
    Ok(tls()?.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}
