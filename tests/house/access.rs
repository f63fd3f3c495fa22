//! Who may: every route and every kind of person, as a committed table; and what each role holds.

use web::route::RouteInfo;

use crate::harness::{Client, Engine, House, furniture::roles, table, ways};

/// Everybody who asks, the least first.
fn everybody(house: &House) -> Vec<(&'static str, Client)> {
    let mut everybody =
        vec![("nobody", house.nobody.clone()), ("outsider", house.outsider.clone()), ("stranger", house.globex.admin.clone())];
    everybody.extend(roles(&house.acme));
    everybody
}

fn needs(route: &RouteInfo) -> String {
    route.permission.unwrap_or(route.access).to_owned()
}

/// Whether an answer tells that nothing was changed.
fn was_refused(class: &str) -> bool {
    ["sign-in", "401", "403", "404"].contains(&class)
}

/// What each person is answered. Whoever changed something leaves the house to nobody else.
#[tokio::test]
async fn every_route_answers_every_role_as_the_table_says() {
    let house = House::lived_in(Engine::Sqlite).await;
    let mut rows = vec![vec!["route".to_owned(), "needs".to_owned()]];
    rows[0].extend(everybody(&house).iter().map(|(name, _)| (*name).to_owned()));
    let things = house.things.clone().unwrap().0;
    let mut untouched: Option<House> = None;
    for way in ways::ways(&house, "acme", &things) {
        let mut row = vec![way.name(), needs(&way.route)];
        for (index, (_, client)) in everybody(&house).iter().enumerate() {
            if !way.is_unsafe() {
                row.push(way.go(client).await.class());
                continue;
            }
            let own = match untouched.take() {
                Some(own) => own,
                None => House::lived_in(Engine::Sqlite).await,
            };
            let class = way.go(&everybody(&own)[index].1).await.class();
            if was_refused(&class) {
                untouched = Some(own);
            } else {
                own.end().await;
            }
            row.push(class);
        }
        rows.push(row);
    }
    house.end().await;
    let legend = "Who is answered what. Written by tests/house/access.rs from the table of routes; UPDATE_EXPECT=1 writes it anew.\n\n\
                  nobody     no session and no key\n\
                  outsider   signed in, and an active member of no tenant any more, with a key from before\n\
                  stranger   the admin of another tenant; at the API everybody is in the tenant of their key\n\
                  viewer ... the members of the tenant in the address\n\
                  sign-in    303 to the sign-in; every other answer is its status\n\n";
    table::expect("access", &format!("{legend}{}", table::columns(&rows)));
}

/// No member route lets anybody in whose role does not hold its permission, and none keeps out whose role does.
#[tokio::test]
async fn the_table_of_answers_agrees_with_the_roles() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/access.txt")).unwrap();
    let matrix = policy::matrix().await.unwrap();
    let heads: Vec<&str> = matrix.lines().next().unwrap().split_whitespace().collect();
    let holds = |permission: &str, role: &str| {
        let column = heads.iter().position(|head| *head == role).unwrap();
        matrix.lines().any(|line| line.split_whitespace().next() == Some(permission) && line.split_whitespace().nth(column) == Some("yes"))
    };
    let mut seen = 0;
    for line in text.lines().filter(|line| line.contains("/t/{slug}")) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [_, path, permission, nobody, outsider, stranger, members @ ..] = cells.as_slice() else { panic!("{line}") };
        assert_eq!([*nobody, *outsider, *stranger], ["sign-in", "404", "404"], "{line}");
        for (role, class) in ["viewer", "approver", "developer", "admin"].into_iter().zip(members) {
            let is_in = *class != "403";
            assert!(!is_in || holds(permission, role), "{role} gets {class} at {path} without {permission}");
            assert!(!class.starts_with('5') && *class != "404", "{role} gets {class} at {path}");
            seen += 1;
        }
    }
    assert!(seen > 20, "the table is not there");
}

/// At the API everybody is answered as their role says, and nobody without a key that is good.
#[tokio::test]
async fn the_answers_of_the_api_agree_with_the_roles() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/access.txt")).unwrap();
    let matrix = policy::matrix().await.unwrap();
    let heads: Vec<&str> = matrix.lines().next().unwrap().split_whitespace().collect();
    let holds = |permission: &str, role: &str| {
        let column = heads.iter().position(|head| *head == role).unwrap();
        matrix.lines().any(|line| line.split_whitespace().next() == Some(permission) && line.split_whitespace().nth(column) == Some("yes"))
    };
    let mut seen = 0;
    for line in text.lines().filter(|line| line.contains("/api/v1/") && !line.contains("openapi.json")) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [_, path, permission, nobody, outsider, stranger, members @ ..] = cells.as_slice() else { panic!("{line}") };
        assert_eq!([*nobody, *outsider], ["401", "401"], "{line}");
        assert!(!path.contains('{') || *stranger == "404", "{line}");
        for (role, class) in ["viewer", "approver", "developer", "admin"].into_iter().zip(members) {
            let may = *permission == "api" || holds(permission, role);
            // Who may decide in general may still be none of those who are asked.
            assert!(may == (*class != "403") || (may && path.ends_with("/decision")), "{role} gets {class} at {path}: {permission}");
            assert!(!class.starts_with('5') && *class != "404", "{role} gets {class} at {path}");
            seen += 1;
        }
    }
    assert!(seen > 100, "the table is not there");
}

#[tokio::test]
async fn every_role_holds_what_the_table_says() {
    table::expect("roles", &policy::matrix().await.unwrap());
}

#[test]
fn the_public_routes_are_these() {
    let public: Vec<String> = web::table()
        .into_iter()
        .filter(|route| route.access == "public")
        .map(|route| format!("{:4} {}\n", route.method, route.path))
        .collect();
    table::expect("public-routes", &public.concat());
}
