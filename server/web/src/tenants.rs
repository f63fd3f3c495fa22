//! From the front door to a tenant: straight on for those who have one, a choice for those who have several.

use askama::Template;
use platform::access::MemberDoor;

use crate::{
    page::{self, Link, Page},
    route::{Account, Answer, Path},
    view,
};

#[derive(Template)]
#[template(path = "tenants/choice.html")]
struct View {
    page: Page,
    tenants: Vec<Link>,
}

/// `GET /`: the home of the only tenant, or the choice of one.
pub(crate) async fn front_door(account: Account) -> Answer {
    let tenants = account.platform().tenants_of(account.session().person()).await?;
    if let [only] = tenants.as_slice() {
        return into_tenant(&account, &only.slug).await;
    }
    let tenants = tenants.into_iter().map(|tenant| Link { href: format!("/go/{}", tenant.slug), label: tenant.name }).collect();
    view::html(&View { page: account.page().await?, tenants })
}

/// `GET /go/{tenant}`: the first page of a tenant that its member may see.
pub(crate) async fn go(account: Account, Path(slug): Path<String>) -> Answer {
    into_tenant(&account, &slug).await
}

async fn into_tenant(account: &Account, slug: &str) -> Answer {
    let actor = account.enter(slug, MemberDoor::Page).await?;
    Ok(account.visit().see_other(&page::landing(account.visit(), &actor, slug)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_without_a_tenant_is_told_what_to_do() {
        let tenants = vec![Link { href: "/go/acme".to_owned(), label: "Acme".to_owned() }];
        assert!(View { page: page::sample(), tenants }.render().unwrap().contains("href=\"/go/acme\""));
        assert!(View { page: page::sample(), tenants: Vec::new() }.render().unwrap().contains("Ask an admin"));
    }
}
