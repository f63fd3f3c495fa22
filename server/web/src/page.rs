//! The frame of a page: whose it is, its navigation, its notices. The field `page` of every view struct.
//!
//! The navigation shows a page when there is a route for it and the member has the permission that the route names. So a
//! new page appears by its line in the table of routes; `NAVIGATION` says where and under which icon.

use domain::Actor;
use platform::tenants::TenantShown;

use crate::{access::Session, assets, format, route::Result, visit::Visit};

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub label: String,
}

/// The tenant whose page it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The word for it in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// The person who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
    /// The letters that stand for them.
    pub initials: String,
    /// The page of their account.
    pub account_href: String,
    /// Where the form that signs out goes.
    pub sign_out_href: String,
}

/// A page in the navigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavItem {
    /// Its name.
    pub label: &'static str,
    /// Its address.
    pub href: String,
    /// Its icon in `static/icons.svg`.
    pub icon: &'static str,
    /// Whether the page that is shown is it or lies below it.
    pub current: bool,
    /// How much waits there.
    pub count: Option<u32>,
}

/// A group of the navigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavGroup {
    /// Its title; may be empty.
    pub title: &'static str,
    /// Its pages.
    pub items: Vec<NavItem>,
}

/// What holds for the whole page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `info`, `success`, `warning`, `error` or `rehearsal`.
    pub kind: &'static str,
    /// What it says.
    pub text: String,
    /// Where its link leads; empty for none.
    pub href: String,
    /// What its link says.
    pub link_text: String,
}

/// The frame of a page; `templates/_layout.html` tells what each part is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The nonce of this answer's content security policy.
    pub nonce: String,
    /// The session's form token; empty for one who is not signed in.
    pub csrf: String,
    /// Nothing for what the system says, `light` or `dark`.
    pub theme: &'static str,
    /// The tenant whose page it is.
    pub tenant: Option<Tenant>,
    /// The person's other tenants.
    pub tenants: Vec<Link>,
    /// The person who is signed in.
    pub person: Option<Person>,
    /// The navigation.
    pub nav: Vec<NavGroup>,
    /// What holds for the whole page.
    pub notices: Vec<Notice>,
    /// The id of the request, for error pages.
    pub request_id: String,
}

/// One place in the navigation: label, icon, and the path below the tenant's.
type Place = (&'static str, &'static str, &'static str);

/// The navigation, group by group. A place whose page does not exist is not shown.
const NAVIGATION: &[(&str, &[Place])] = &[
    ("", &[("Home", "home", ""), ("Workflows", "workflow", "/workflows"), ("Runs", "play", "/runs"), ("Approvals", "check", APPROVALS)]),
    (
        "Money and means",
        &[
            ("Budgets", "wallet", "/budgets"),
            ("Credentials", "key", "/credentials"),
            ("Model providers", "cpu", "/providers"),
            ("Variables", "braces", "/variables"),
        ],
    ),
    (
        "Governance",
        &[
            ("Audit", "scroll", "/audit"),
            ("Members", "users", "/members"),
            ("API keys", "key", "/keys"),
            ("Roles", "shield-check", "/roles"),
            ("Settings", "settings", "/settings"),
        ],
    ),
];
const APPROVALS: &str = "/approvals";

impl Page {
    /// The address of a file of `static/`.
    pub fn asset(&self, name: &str) -> &'static str {
        assets::address(name)
    }

    /// Puts a notice at the top of the page.
    pub fn notify(&mut self, kind: &'static str, text: impl Into<String>) {
        self.notices.push(Notice { kind, text: text.into(), href: String::new(), link_text: String::new() });
    }

    /// Puts a notice with a link at the top of the page.
    pub fn notify_with(&mut self, kind: &'static str, text: impl Into<String>, href: impl Into<String>, link_text: impl Into<String>) {
        self.notices.push(Notice { kind, text: text.into(), href: href.into(), link_text: link_text.into() });
    }
}

/// The frame of a page for nobody in particular.
pub(crate) fn plain(visit: &Visit) -> Page {
    let mut page = Page {
        nonce: visit.nonce().to_owned(),
        csrf: String::new(),
        theme: visit.theme(),
        tenant: None,
        tenants: Vec::new(),
        person: None,
        nav: Vec::new(),
        notices: Vec::new(),
        request_id: visit.facts().id.to_string(),
    };
    if let Some(notice) = visit.take_notice() {
        page.notify("success", notice);
    }
    page
}

fn signed_in(visit: &Visit, session: &Session) -> Page {
    let mut page = plain(visit);
    session.csrf().clone_into(&mut page.csrf);
    page.person = Some(Person {
        name: session.name().to_owned(),
        email: session.email().to_owned(),
        initials: format::initials(session.name()),
        account_href: "/account".to_owned(),
        sign_out_href: "/sign-out".to_owned(),
    });
    page
}

/// The frame of a page of a person's own; with the navigation of their tenant when they have exactly one.
pub(crate) async fn of_person(visit: &Visit, session: &Session) -> Result<Page> {
    let platform = visit.platform();
    let tenants = platform.tenants_of(session.person()).await?;
    match tenants.as_slice() {
        [only] => {
            let door = platform::access::MemberDoor::Page;
            let actor = platform.actor(session.person(), &only.slug, door, visit.facts().clone()).await?;
            framed(visit, session, &actor, &tenants).await
        }
        _ => Ok(signed_in(visit, session)),
    }
}

/// The frame of a page of a tenant.
pub(crate) async fn of_member(visit: &Visit, session: &Session, actor: &Actor) -> Result<Page> {
    let tenants = visit.platform().tenants_of(session.person()).await?;
    framed(visit, session, actor, &tenants).await
}

async fn framed(visit: &Visit, session: &Session, actor: &Actor, tenants: &[TenantShown]) -> Result<Page> {
    let mut page = signed_in(visit, session);
    for tenant in tenants {
        if tenant.id == actor.tenant() {
            page.tenant = Some(Tenant { slug: tenant.slug.clone(), name: tenant.name.clone() });
        } else {
            page.tenants.push(Link { href: format!("/go/{}", tenant.slug), label: tenant.name.clone() });
        }
    }
    if let Some(tenant) = &page.tenant {
        page.nav = navigation(visit, actor, &tenant.slug);
        count_approvals(visit, actor, &mut page.nav).await?;
    }
    if visit.platform().settings().rehearsal.is_some() {
        page.notify(
            "rehearsal",
            "Rehearsal: invoices, expenses, payments, changes and the model are look-alikes on this machine. No money moves.",
        );
    }
    Ok(page)
}

fn navigation(visit: &Visit, actor: &Actor, slug: &str) -> Vec<NavGroup> {
    let group = |(title, places): &(&'static str, &[Place])| {
        let items: Vec<NavItem> = places.iter().filter_map(|place| nav_item(visit, actor, slug, *place)).collect();
        (!items.is_empty()).then_some(NavGroup { title, items })
    };
    NAVIGATION.iter().filter_map(group).collect()
}

fn nav_item(visit: &Visit, actor: &Actor, slug: &str, (label, icon, path): Place) -> Option<NavItem> {
    let permission = visit.site().page(&format!("/t/{{slug}}{path}"))?;
    let href = format!("/t/{slug}{path}");
    let current = visit.path() == href || (!path.is_empty() && visit.path().strip_prefix(&href).is_some_and(|rest| rest.starts_with('/')));
    actor.may(permission).then_some(NavItem { label, href, icon, current, count: None })
}

async fn count_approvals(visit: &Visit, actor: &Actor, nav: &mut [NavGroup]) -> Result<()> {
    let item = nav.iter_mut().flat_map(|group| &mut group.items).find(|item| item.href.ends_with(APPROVALS));
    if let Some(item) = item {
        let waiting = visit.platform().approvals_for(actor).await?;
        item.count = u32::try_from(waiting).ok().filter(|count| *count > 0);
    }
    Ok(())
}

/// The first page of a tenant that a member may see; their account when there is none.
pub(crate) fn landing(visit: &Visit, actor: &Actor, slug: &str) -> String {
    navigation(visit, actor, slug)
        .into_iter()
        .flat_map(|group| group.items)
        .map(|item| item.href)
        .next()
        .unwrap_or_else(|| "/account".to_owned())
}

/// A page for tests of templates.
#[cfg(test)]
pub(crate) fn sample() -> Page {
    Page {
        nonce: "bm9uY2U".to_owned(),
        csrf: "c5rF".to_owned(),
        theme: "dark",
        tenant: Some(Tenant { slug: "acme".to_owned(), name: "Acme <&>".to_owned() }),
        tenants: vec![Link { href: "/go/other".to_owned(), label: "Other".to_owned() }],
        person: Some(Person {
            name: "Ada Lovelace".to_owned(),
            email: "ada@acme.example".to_owned(),
            initials: "AL".to_owned(),
            account_href: "/account".to_owned(),
            sign_out_href: "/sign-out".to_owned(),
        }),
        nav: vec![NavGroup {
            title: "Governance",
            items: vec![NavItem { label: "Members", href: "/t/acme/members".to_owned(), icon: "users", current: true, count: Some(2) }],
        }],
        notices: vec![Notice { kind: "success", text: "Done.".to_owned(), href: "/x".to_owned(), link_text: "Look".to_owned() }],
        request_id: "req_01k9c4v7ty0000000000000000".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_icon_of_the_navigation_is_in_the_sprite() {
        let sprite = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../static/icons.svg")).unwrap();
        for (_, places) in NAVIGATION {
            for (label, icon, _) in *places {
                assert!(sprite.contains(&format!("symbol id=\"{icon}\"")), "{icon} of {label}");
            }
        }
    }
}
