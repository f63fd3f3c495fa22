//! Versions of workflows: drafts and what is published, differences, restoration, folders and exports.

use std::io::Read as _;

use domain::Actor;
use platform::{
    Error,
    expected::Expected,
    runs::Given,
    workflows::{Base, Export, Save, SaveError, Saved, VersionState, Weight, WorkflowSearch},
};
use serde_json::{Map, Value};

use crate::house::{House, refusal};

const VENDOR_PAYMENT: &str = include_str!("../../../../../examples/vendor-payment.md");

fn greeting(words: &str) -> String {
    format!(
        "---\nworkflow: {{id: greeting, name: Greeting}}\n---\n\n## 1. Say it\n\n```yaml\nid: say\naction: workflow.log\ninputs: {{message: {words}}}\n```\n"
    )
}

async fn save(house: &House, actor: &Actor, source: &str) -> Saved {
    house.platform.save(actor, &Save::published(source)).await.unwrap()
}

async fn draft(house: &House, actor: &Actor, source: &str) -> Saved {
    house.platform.save(actor, &Save::draft(source)).await.unwrap()
}

fn error_of<T: std::fmt::Debug>(result: Result<T, SaveError>) -> Result<T, Error> {
    result.map_err(SaveError::into_error)
}

async fn start(house: &House, actor: &Actor, version: Option<i64>) -> Result<i64, Error> {
    let accepted = house.platform.start_version(actor, "greeting", version, Given::Values(Map::new()), None).await?;
    Ok(house.platform.run(actor, accepted.run).await?.version_number)
}

async fn states(house: &House, actor: &Actor) -> Vec<(i64, VersionState)> {
    let versions = house.platform.workflow_versions(actor, "greeting").await.unwrap().versions;
    versions.into_iter().map(|line| (line.number, line.state)).collect()
}

async fn acts(house: &House, actor: &Actor) -> Vec<String> {
    let log = house.log(actor).await;
    log.into_iter().filter(|act| act.starts_with("workflow.") || act.starts_with("folder.")).collect()
}

async fn whole(mut export: Export) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(piece) = export.next().await.unwrap() {
        bytes.extend(piece);
    }
    bytes
}

/// The files of an archive by the entries of its directory, each checked against its length.
fn unzipped(bytes: &[u8]) -> Vec<(String, String)> {
    let short = |at: usize| usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()));
    let long = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let end = bytes.len() - 22;
    assert_eq!(long(end), 0x0605_4b50, "the archive is whole");
    let mut at = long(end + 16);
    let mut files = Vec::new();
    for _ in 0..short(end + 10) {
        assert_eq!(long(at), 0x0201_4b50);
        let (packed, length, name, local) = (long(at + 20), long(at + 24), short(at + 28), long(at + 42));
        let path = String::from_utf8(bytes[at + 46..at + 46 + name].to_vec()).unwrap();
        assert_eq!((long(local), short(local + 26)), (0x0403_4b50, name));
        let begin = local + 30 + name;
        let mut text = String::new();
        flate2::read::DeflateDecoder::new(&bytes[begin..begin + packed]).read_to_string(&mut text).unwrap();
        assert_eq!(text.len(), length);
        files.push((path, text));
        at += 46 + name;
    }
    files
}

in_a_rehearsing_house! {
    async fn a_start_takes_what_is_published_and_an_older_one_when_it_is_named(house) {
        let admin = house.acme_admin().await;
        draft(&house, &admin, &greeting("one")).await;
        assert_eq!(refusal(start(&house, &admin, None).await), (409, "not_published"));
        assert_eq!(refusal(start(&house, &admin, Some(1)).await), (409, "version_is_draft"));
        let tag = house.platform.workflow(&admin, "greeting").await.unwrap().tag;
        house.platform.publish_workflow(&admin, "greeting", 1, &Expected::Tagged(vec![tag.clone()])).await.unwrap();
        assert_eq!(start(&house, &admin, None).await.unwrap(), 1);
        save(&house, &admin, &greeting("two")).await;
        draft(&house, &admin, &greeting("three")).await;
        assert_eq!(states(&house, &admin).await, [(3, VersionState::Draft), (2, VersionState::Published), (1, VersionState::Earlier)]);
        assert_eq!(start(&house, &admin, None).await.unwrap(), 2);
        assert_eq!(start(&house, &admin, Some(1)).await.unwrap(), 1);
        assert_eq!(refusal(start(&house, &admin, Some(3)).await), (409, "version_is_draft"));
        assert_eq!(refusal(start(&house, &admin, Some(9)).await), (404, "not_found"));
        let stale = house.platform.publish_workflow(&admin, "greeting", 3, &Expected::Tagged(vec![tag])).await;
        assert_eq!(refusal(stale), (412, "changed_meanwhile"));
        assert_eq!(refusal(house.platform.publish_workflow(&admin, "greeting", 9, &Expected::Anything).await), (404, "not_found"));
        house.platform.publish_workflow(&admin, "greeting", 2, &Expected::Anything).await.unwrap();
        let acts = acts(&house, &admin).await;
        let published = acts.iter().filter(|act| *act == "workflow.published").count();
        assert_eq!(published, 2, "what is published already is not published again: {acts:?}");
    }

    async fn what_lists_show_is_what_a_start_takes(house) {
        let admin = house.acme_admin().await;
        save(&house, &admin, &greeting("one")).await;
        draft(&house, &admin, &greeting("two").replace("name: Greeting", "name: Farewell")).await;
        let line = house.platform.workflows(&admin, &WorkflowSearch::default()).await.unwrap().remove(0);
        assert_eq!((line.name.as_str(), line.version, line.is_published, line.latest), ("Greeting", 1, true, 2));
        house.platform.publish_workflow(&admin, "greeting", 2, &Expected::Something).await.unwrap();
        let line = house.platform.workflows(&admin, &WorkflowSearch::default()).await.unwrap().remove(0);
        assert_eq!((line.name.as_str(), line.version), ("Farewell", 2));
    }

    async fn a_draft_with_errors_is_kept_and_neither_published_nor_started(house) {
        let admin = house.acme_admin().await;
        let broken = greeting("one").replace("action: workflow.log", "action: workflow.lgo");
        let refused = house.platform.save(&admin, &Save::published(&broken)).await;
        assert!(matches!(refused, Err(SaveError::Refused(_))));
        let saved = draft(&house, &admin, &broken).await;
        assert_eq!((saved.slug.as_str(), saved.version, saved.published), ("greeting", 1, false));
        let shown = house.platform.workflow_version(&admin, "greeting", 1).await.unwrap();
        assert_eq!((shown.shown.version.state, shown.shown.source.as_str()), (VersionState::Broken, broken.as_str()));
        assert!(shown.shown.version.plan_hash.is_none() && shown.shown.mandate.is_none() && shown.changes.is_none());
        let refused = house.platform.publish_workflow(&admin, "greeting", 1, &Expected::Anything).await;
        assert_eq!(refusal(refused), (409, "version_has_errors"));
        assert_eq!(refusal(start(&house, &admin, Some(1)).await), (409, "version_is_draft"));
        assert!(!house.platform.workflow(&admin, "greeting").await.unwrap().checked.is_sound(), "its page tells the errors");
        save(&house, &admin, &greeting("one")).await;
        let difference = house.platform.workflow_difference(&admin, "greeting", 1, 2).await.unwrap();
        assert!(difference.meaning.is_none() && difference.text.added == 1 && difference.text.removed == 1);

        let nameless = "no front matter";
        assert_eq!(refusal(error_of(house.platform.save(&admin, &Save::draft(nameless)).await)), (422, "invalid"));
        let kept = Save { draft_id: Some("later"), ..Save::draft(nameless) };
        assert_eq!(house.platform.save(&admin, &kept).await.unwrap().slug, "later");
        let reserved = Save { draft_id: Some("new"), ..Save::draft(nameless) };
        assert_eq!(refusal(error_of(house.platform.save(&admin, &reserved).await)), (422, "invalid"));
        for unkeepable in ["a\u{0}b".to_owned(), "x".repeat((1 << 20) + 1)] {
            let refused = house.platform.save(&admin, &Save { draft_id: Some("x"), ..Save::draft(&unkeepable) }).await;
            assert!(matches!(refused, Err(SaveError::Refused(_))));
        }
    }

    async fn who_saves_after_somebody_else_is_told_and_changes_nothing(house) {
        let admin = house.acme_admin().await;
        save(&house, &admin, &greeting("one")).await;
        let (ours, text) = (greeting("ours"), greeting("two"));
        let from = |base| Save { base: Base::Version(base), message: "Better words", ..Save::published(&ours) };
        save(&house, &admin, &text).await;
        for base in [0, 1, 3] {
            assert_eq!(refusal(error_of(house.platform.save(&admin, &from(base)).await)), (412, "changed_meanwhile"));
        }
        let foreseen = house.platform.foresee_save(&admin, &ours, None).await.unwrap();
        let standing = foreseen.standing.unwrap();
        assert_eq!((standing.latest.number, standing.published, standing.text.added, standing.text.removed), (2, Some(2), 1, 1));
        assert_eq!(foreseen.changes.len(), 1, "{:?}", foreseen.changes);
        let saved = house.platform.save(&admin, &from(2)).await.unwrap();
        assert_eq!(saved.version, 3);
        assert_eq!(house.platform.workflow_versions(&admin, "greeting").await.unwrap().versions[0].message, "Better words");
        let again = house.platform.save(&admin, &from(2)).await.unwrap();
        assert!(!again.new, "the same form sent twice saves once");
        let long = "x".repeat(201);
        let refused = house.platform.save(&admin, &Save { message: &long, ..Save::draft(&text) }).await;
        assert_eq!(refusal(error_of(refused)), (422, "invalid"));
    }

    async fn a_difference_tells_what_raises_the_risk_before_the_rest(house) {
        let admin = house.acme_admin().await;
        save(&house, &admin, VENDOR_PAYMENT).await;
        let dearer = VENDOR_PAYMENT.replace("limit: 0.25", "limit: 0.50").replace("name: Vendor payment", "name: Paying").replace("approvers: [role:approver]", "approvers: [role:viewer]");
        draft(&house, &admin, &dearer).await;
        let difference = house.platform.workflow_difference(&admin, "vendor-payment", 1, 2).await.unwrap();
        let meaning = difference.meaning.unwrap();
        assert_eq!(meaning[0].weight, Weight::Raises, "{meaning:?}");
        assert!(meaning.is_sorted_by_key(|change| change.weight));
        let turned = house.platform.workflow_difference(&admin, "vendor-payment", 2, 1).await.unwrap();
        assert_eq!((turned.text.added, turned.text.removed), (difference.text.removed, difference.text.added));
        let against_published = house.platform.workflow_version(&admin, "vendor-payment", 2).await.unwrap().changes.unwrap();
        assert_eq!(against_published, meaning);
        assert_eq!(refusal(house.platform.workflow_difference(&admin, "vendor-payment", 1, 3).await), (404, "not_found"));
    }

    async fn an_old_version_is_restored_as_a_new_one(house) {
        let admin = house.acme_admin().await;
        save(&house, &admin, &greeting("one")).await;
        save(&house, &admin, &greeting("two")).await;
        assert_eq!(refusal(house.platform.restore_workflow(&admin, "greeting", 2).await), (409, "version_is_newest"));
        let saved = house.platform.restore_workflow(&admin, "greeting", 1).await.unwrap();
        assert_eq!((saved.version, saved.published), (3, false));
        let versions = house.platform.workflow_versions(&admin, "greeting").await.unwrap().versions;
        assert_eq!((versions[0].message.as_str(), versions[0].restored_from, versions[0].state), ("Restored from version 1", Some(1), VersionState::Draft));
        assert_eq!((&versions[0].content_hash, &versions[0].plan_hash), (&versions[2].content_hash, &versions[2].plan_hash));
        assert_eq!(start(&house, &admin, None).await.unwrap(), 2, "nothing is published by it");
        house.platform.publish_workflow(&admin, "greeting", 3, &Expected::Anything).await.unwrap();
        assert_eq!(start(&house, &admin, None).await.unwrap(), 3);
    }

    async fn workflows_live_in_folders_that_are_renamed_with_what_is_in_them(house) {
        let (admin, globex) = (house.acme_admin().await, house.globex_admin().await);
        assert_eq!(refusal(house.platform.create_folder(&admin, "Finance/Payments").await), (422, "invalid"));
        let (finance, _) = house.platform.create_folder(&admin, "Finance").await.unwrap();
        let (payments, path) = house.platform.create_folder(&admin, " Finance/Payments/ ").await.unwrap();
        assert_eq!(path, "Finance/Payments");
        assert_eq!(refusal(house.platform.create_folder(&admin, "Finance").await), (422, "invalid"));
        let saved = house.platform.save(&admin, &Save { folder: Some(payments), ..Save::published(&greeting("one")) }).await.unwrap();
        assert_eq!(house.platform.workflow(&admin, &saved.slug).await.unwrap().folder, Some((payments, path)));
        house.platform.move_folder(&admin, finance, "Money").await.unwrap();
        let folders = house.platform.folders(&admin).await.unwrap();
        let shown: Vec<(&str, i64, i64)> = folders.iter().map(|line| (line.path.as_str(), line.workflows, line.workflows_below)).collect();
        assert_eq!(shown, [("Money", 0, 1), ("Money/Payments", 1, 1)]);
        assert_eq!(refusal(house.platform.move_folder(&admin, finance, "Money/Payments/Deep").await), (422, "invalid"));
        assert_eq!(refusal(house.platform.remove_folder(&admin, payments).await), (409, "folder_not_empty"));
        assert_eq!(refusal(house.platform.remove_folder(&admin, finance).await), (409, "folder_not_empty"));

        assert!(house.platform.folders(&globex).await.unwrap().is_empty());
        assert_eq!(refusal(house.platform.folder_at(&globex, "Money").await), (404, "not_found"));
        assert_eq!(refusal(house.platform.move_folder(&globex, finance, "Mine").await), (404, "not_found"));
        assert_eq!(refusal(house.platform.remove_folder(&globex, finance).await), (404, "not_found"));
        save(&house, &globex, &greeting("theirs")).await;
        assert_eq!(refusal(house.platform.move_workflow(&globex, "greeting", Some(payments)).await), (422, "invalid"));

        house.platform.move_workflow(&admin, "greeting", None).await.unwrap();
        house.platform.remove_folder(&admin, payments).await.unwrap();
        let acts = acts(&house, &admin).await;
        assert_eq!(acts, ["folder.created", "folder.created", "workflow.created", "workflow.published", "folder.moved", "workflow.moved", "folder.removed"]);
    }

    async fn folders_are_at_most_eight_deep_wherever_they_are_moved(house) {
        let admin = house.acme_admin().await;
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        for depth in 1..=names.len() {
            house.platform.create_folder(&admin, &names[..depth].join("/")).await.unwrap();
        }
        assert_eq!(refusal(house.platform.create_folder(&admin, "a/b/c/d/e/f/g/h/i").await), (422, "invalid"));
        house.platform.create_folder(&admin, "top").await.unwrap();
        let a = house.platform.folder_at(&admin, "a").await.unwrap();
        assert_eq!(refusal(house.platform.move_folder(&admin, a, "top/a").await), (422, "invalid"));
    }

    async fn workflows_are_taken_away_as_files_with_their_history_and_as_an_archive(house) {
        let (admin, globex) = (house.acme_admin().await, house.globex_admin().await);
        house.platform.create_folder(&admin, "Finance").await.unwrap();
        let folder = house.platform.folder_at(&admin, "Finance").await.unwrap();
        house.platform.save(&admin, &Save { folder: Some(folder), ..Save::published(VENDOR_PAYMENT) }).await.unwrap();
        save(&house, &admin, &greeting("one")).await;
        draft(&house, &admin, &greeting("two")).await;
        save(&house, &globex, &greeting("theirs").replace("id: greeting", "id: theirs")).await;

        let file = house.platform.export_version(&admin, "greeting", 2).await.unwrap();
        assert_eq!((file.name.as_str(), file.source.as_str()), ("greeting.md", greeting("two").as_str()));
        let history = whole(house.platform.export_history(&admin, "greeting").await.unwrap()).await;
        let history: Value = serde_json::from_slice(&history).unwrap();
        assert_eq!((&history["id"], &history["published"]), (&Value::from("greeting"), &Value::from(1)));
        let versions = history["versions"].as_array().unwrap();
        assert_eq!(versions.iter().map(|version| version["state"].as_str().unwrap()).collect::<Vec<_>>(), ["published", "draft"]);
        assert_eq!(versions[1]["source"], greeting("two"));

        let files = unzipped(&whole(house.platform.export_workflows(&admin).await.unwrap()).await);
        let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["greeting.md", "Finance/vendor-payment.md", "mandate-export.json"], "nothing of another tenant");
        assert_eq!((&files[0].1, files[1].1.as_str()), (&greeting("one"), VENDOR_PAYMENT));
        let contents: Value = serde_json::from_str(&files[2].1).unwrap();
        assert_eq!((&contents["workflows"][0]["version"], &contents["workflows"][0]["latest"]), (&Value::from(1), &Value::from(2)));

        for refused in [
            refusal(house.platform.export_version(&globex, "greeting", 1).await.map(drop)),
            refusal(house.platform.export_history(&globex, "greeting").await.map(drop)),
            refusal(house.platform.export_version(&admin, "greeting", 3).await.map(drop)),
        ] {
            assert_eq!(refused, (404, "not_found"));
        }
        let exported = acts(&house, &admin).await.into_iter().filter(|act| act == "workflow.exported").count();
        assert_eq!(exported, 3);
    }

    async fn who_may_only_read_drafts_publishes_restores_and_moves_nothing(house) {
        let (admin, approver) = (house.acme_admin().await, house.acme_approver().await);
        save(&house, &admin, &greeting("one")).await;
        draft(&house, &admin, &greeting("two")).await;
        let (folder, _) = house.platform.create_folder(&admin, "Finance").await.unwrap();
        let platform = &house.platform;
        let drafted = greeting("three");
        for refused in [
            refusal(error_of(platform.save(&approver, &Save::draft(&drafted)).await)),
            refusal(platform.foresee_save(&approver, &drafted, None).await.map(drop)),
            refusal(platform.publish_workflow(&approver, "greeting", 2, &Expected::Anything).await),
            refusal(platform.restore_workflow(&approver, "greeting", 1).await),
            refusal(platform.move_workflow(&approver, "greeting", Some(folder)).await),
            refusal(platform.create_folder(&approver, "Mine").await),
            refusal(platform.move_folder(&approver, folder, "Mine").await),
            refusal(platform.remove_folder(&approver, folder).await),
        ] {
            assert_eq!(refused, (403, "forbidden"));
        }
        assert!(platform.workflow_difference(&approver, "greeting", 1, 2).await.is_ok());
        assert!(platform.folders(&approver).await.is_ok());
        assert_eq!(states(&house, &admin).await, [(2, VersionState::Draft), (1, VersionState::Published)]);
    }
}
