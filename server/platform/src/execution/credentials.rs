//! The credentials of a call: found, allowed towards its host, written down as used, opened at the last moment.

use database::{Batch, CredentialUse as UseRow};
use domain::{CredentialId, Entropy, UseId, call::BoundSecret};
use url::Url;
use vault::{CREDENTIAL_VALUE, Context};
use workflow::{
    Call,
    core::CallEffect,
    event::{CredentialUse, Failure},
};

use super::money::Chosen;
use crate::{Platform, Result};

/// A credential that a call was allowed to send, still sealed.
#[derive(Debug, Clone)]
pub(super) struct Needed {
    name: String,
    id: CredentialId,
    version: i64,
    hosts: Vec<String>,
    /// Where it goes.
    host: String,
}

/// `host` or `host:port` of an address.
pub(crate) fn host_of(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return String::new() };
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => String::new(),
    }
}

/// The credentials that a call refers to. One that is missing, or that may not go to the call's host, refuses the call.
pub(super) fn find(platform: &Platform, batch: &Batch<'_>, call: &Call, chosen: Option<&Chosen>) -> Result<Vec<Needed>, Failure> {
    let (url, names) = match (call, chosen) {
        (Call::Http(http), _) => (http.url.as_str(), call.credentials()),
        (Call::Model(_), Some(chosen)) => (chosen.base_url.as_str(), chosen.credential.as_deref().into_iter().collect()),
        (Call::Model(_), None) => return Ok(Vec::new()),
    };
    let mut needed = Vec::with_capacity(names.len());
    for name in names {
        let facts = batch.credential(name).ok_or_else(|| {
            Failure::last("credential", format!("There is no credential `{name}`. Set it under Credentials. Nothing was sent."))
        })?;
        platform
            .parts()
            .egress
            .check_credential(name, &facts.allowed_hosts, url, &platform.settings().egress)
            .map_err(|error| Failure::last(error.kind.code(), format!("{} Nothing was sent.", error.message)))?;
        needed.push(Needed {
            name: name.to_owned(),
            id: facts.id,
            version: facts.version,
            hosts: facts.allowed_hosts.clone(),
            host: host_of(url),
        });
    }
    Ok(needed)
}

/// Writes each use down, in the commit that lets the call go out.
pub(super) fn record(batch: &mut Batch<'_>, call: &CallEffect, needed: &[Needed], entropy: &dyn Entropy) -> Vec<CredentialUse> {
    needed
        .iter()
        .map(|needed| {
            batch.credential_use(UseRow {
                id: UseId::new(batch.now(), entropy),
                credential: needed.id,
                version: needed.version,
                step: call.step.clone(),
                attempt: i64::from(call.attempt),
                dispatch: i64::from(call.dispatch),
                host: needed.host.clone(),
                at: batch.now(),
            });
            CredentialUse { name: needed.name.clone(), id: needed.id, version: needed.version, host: needed.host.clone() }
        })
        .collect()
}

/// Opens what a call was allowed to send. A credential that was replaced since is not sent.
pub(super) async fn open(platform: &Platform, tenant: domain::TenantId, needed: &[Needed]) -> Result<Vec<BoundSecret>, String> {
    if needed.is_empty() {
        return Ok(Vec::new());
    }
    let unreadable = |error: &dyn std::fmt::Display| {
        tracing::error!(%tenant, %error, "credentials of {tenant} could not be read: {error}");
        "The credential could not be read; the log has its cause.".to_owned()
    };
    let mut tx = platform.database().read_for_engine(tenant).await.map_err(|error| unreadable(&error))?;
    let wrapped = database::credentials::tenant_key(&mut tx).await.map_err(|error| unreadable(&error))?;
    let wrapped = wrapped.ok_or_else(|| unreadable(&"the tenant has no key"))?;
    let mut sealed = Vec::with_capacity(needed.len());
    for needed in needed {
        let row = database::credentials::sealed(&mut tx, needed.id).await.map_err(|error| unreadable(&error))?;
        match row.filter(|row| row.version == needed.version) {
            Some(row) => sealed.push((needed, row.sealed)),
            None => return Err(format!("The credential {} was replaced or removed at this moment.", needed.name)),
        }
    }
    drop(tx);
    let key = platform.keyring().unwrap(tenant, &wrapped).map_err(|error| unreadable(&error))?;
    sealed
        .into_iter()
        .map(|(needed, sealed)| {
            let context = Context { tenant, credential: needed.id, version: needed.version, purpose: CREDENTIAL_VALUE };
            let value = key.open(context, &sealed).map_err(|error| unreadable(&error))?;
            Ok(BoundSecret { name: needed.name.clone(), value, hosts: needed.hosts.clone() })
        })
        .collect()
}
