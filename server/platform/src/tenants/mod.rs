//! Tenants as their members see them, and the words for them in addresses.
//!
//! How a tenant comes into being is in `identity::setup`; what it decides for itself in `settings`, and how much it may take in
//! `quotas`.

pub mod quotas;
pub mod settings;

use database::{
    sessions::SignedIn,
    tenants::{self, TenancyRow, TenantRow},
};
use domain::{Actor, TenantId};

use crate::{Platform, Result};

pub use quotas::{Quota, Quotas};
pub use settings::{QuotaShown, QuotaText, SettingsShown, SettingsText};

/// A tenant that somebody may work in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantShown {
    /// Its id.
    pub id: TenantId,
    /// The word for it in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
}

impl From<TenantRow> for TenantShown {
    fn from(row: TenantRow) -> Self {
        Self { id: row.id, slug: row.slug, name: row.name }
    }
}

impl TenantShown {
    /// Those of a person's tenants that they may work in.
    pub(crate) fn open(tenancies: Vec<TenancyRow>) -> Vec<Self> {
        tenancies.into_iter().filter(TenancyRow::is_open).map(|tenancy| tenancy.tenant.into()).collect()
    }
}

impl Platform {
    /// The tenants a person may work in, by name.
    pub async fn tenants_of(&self, signed_in: &SignedIn) -> Result<Vec<TenantShown>> {
        let mut tx = self.parts().database.system_read().await?;
        Ok(TenantShown::open(tenants::of_person(&mut tx, signed_in.session.person).await?))
    }

    /// The tenant the actor works in.
    pub async fn tenant(&self, actor: &Actor) -> Result<TenantShown> {
        let mut tx = self.parts().database.read(actor).await?;
        Ok(tenants::current(&mut tx).await?.into())
    }
}

/// The word for a tenant in addresses: 2 to 40 small letters and digits, in parts with one hyphen between them.
pub mod slug {
    const LONGEST: usize = 40;

    /// The slug that somebody chose.
    ///
    /// # Errors
    /// Why it is none, as a sentence.
    pub fn read(text: &str) -> Result<String, &'static str> {
        let is_slug = (2..=LONGEST).contains(&text.len())
            && text.split('-').all(|part| !part.is_empty() && part.bytes().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit()));
        if is_slug {
            Ok(text.to_owned())
        } else {
            Err("An address has 2 to 40 of the letters a to z, digits, and single hyphens between them.")
        }
    }

    /// The slug that suggests itself for a name; nothing for one without letters or digits of ASCII.
    pub fn of_name(name: &str) -> Option<String> {
        let small = name.to_lowercase();
        let words = small.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let mut slug = words.collect::<Vec<_>>().join("-");
        slug.truncate(LONGEST);
        read(slug.trim_end_matches('-')).ok()
    }

    /// The slug with a number after it, when it is taken without.
    pub fn numbered(slug: &str, number: u32) -> String {
        let end = format!("-{number}");
        let mut start = slug.to_owned();
        start.truncate(LONGEST.saturating_sub(end.len()));
        format!("{}{end}", start.trim_end_matches('-'))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_slug_suggests_itself_from_a_name() {
            assert_eq!(of_name("Acme GmbH & Co. KG"), Some("acme-gmbh-co-kg".to_owned()));
            assert_eq!(of_name(&"word ".repeat(20)).map(|slug| slug.len()), Some(39));
            assert_eq!(of_name("株式会社"), None);
            assert_eq!(numbered("acme", 2), "acme-2");
            assert_eq!(read(&numbered(&"a".repeat(40), 12)).map(|slug| slug.len()), Ok(40));
        }

        #[test]
        fn what_cannot_stand_in_an_address_is_refused() {
            for wrong in ["a", "-acme", "acme-", "ac--me", "Acme", "ac me", "acme/..", "ücme", &"a".repeat(41)] {
                assert!(read(wrong).is_err(), "{wrong}");
            }
            assert_eq!(read("acme-2"), Ok("acme-2".to_owned()));
        }
    }
}
