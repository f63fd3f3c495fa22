//! What one tenant sees of another: nothing. Every route and every id of the other tenant, as a committed table.

use crate::harness::{Choices, House, Things, in_both_houses, table, ways};

/// Routes whose path holds no id of a tenant, with the reason.
const NO_IDS: &[(&str, &str)] = &[
    ("/setup/{token}", "a bearer token: whoever was given the link may use it"),
    ("/invitations/{token}", "a bearer token: whoever was given the link may use it"),
    ("/password-reset/{token}", "a bearer token: whoever was sent the link may use it"),
    ("/email-restorations/{token}", "a bearer token: whoever was sent the link may use it"),
    ("/s/{file}", "files that everybody gets"),
    ("/mailbox/{id}", "the mails of this machine, for whoever sits at it; there is no such page beside a mail server or beyond loopback"),
];

/// How many answers may differ from 404.
const GAPS: usize = 0;

/// Asks for everything of globex as the admin of acme, and gives the rows of the table.
async fn seen_by_the_other(house: &House) -> Vec<Vec<String>> {
    let (acme, globex): (Things, Things) = house.things.clone().unwrap();
    let admin = &house.acme.admin;
    let mine = ways::ways(house, "acme", &globex);
    let theirs = ways::ways(house, "globex", &globex);
    let my_ids = ways::ways(house, "globex", &acme);
    let mut rows = vec![["route", "my address, their id", "their address, their id", "their address, my id"].map(str::to_owned).to_vec()];
    for ((mine, theirs), my_id) in mine.into_iter().zip(theirs).zip(my_ids) {
        if NO_IDS.iter().any(|(path, _)| *path == mine.route.path) {
            continue;
        }
        let is_theirs = mine.route.path.starts_with("/t/{slug}");
        let mut row = vec![mine.name()];
        row.push(if mine.names_a_thing() { mine.go(admin).await.class() } else { "-".to_owned() });
        row.push(if is_theirs { theirs.go(admin).await.class() } else { "-".to_owned() });
        row.push(if is_theirs && mine.names_a_thing() { my_id.go(admin).await.class() } else { "-".to_owned() });
        if row[1..].iter().any(|class| class != "-") {
            rows.push(row);
        }
    }
    rows
}

in_both_houses! {
    House::lived_in =>

    async fn nothing_of_another_tenant_can_be_seen_or_changed(house) {
        let before = (house.log(&house.globex).await.len(), house.platform.audit_state(&house.actor(&house.globex.admin).await).await.unwrap());
        let rows = seen_by_the_other(&house).await;
        let gaps: Vec<&Vec<String>> = rows[1..].iter().filter(|row| row[1..].iter().any(|class| class != "404" && class != "-")).collect();
        assert!(gaps.len() <= GAPS, "{gaps:#?}");
        let after = (house.log(&house.globex).await.len(), house.platform.audit_state(&house.actor(&house.globex.admin).await).await.unwrap());
        assert_eq!(before, after, "nothing was written into the other tenant's log");

        let reasons: Vec<String> = NO_IDS.iter().map(|(path, reason)| format!("{path}: {reason}\n")).collect();
        let legend = format!(
            "What the admin of one tenant is answered about another. Written by tests/house/isolation.rs; UPDATE_EXPECT=1 writes it anew.\n\nNot asked for:\n{}\n",
            reasons.concat()
        );
        table::expect("isolation", &format!("{legend}{}", table::columns(&rows)));
    }

    async fn the_local_mailbox_is_gone_where_others_can_reach_the_house(house) {
        // The same database, reached by another name.
        let ruin = house.fall().await;
        let choices = Choices { public_url: Some("https://mandate.example".to_owned()), ..Choices::default() };
        house = House::open(ruin, choices).await;
        house.nobody.get("/mailbox").await.expect(404);
    }
}
