//! Bundles: looked at, imported as drafts with their files, given back, and kept apart.

use domain::Actor;
use platform::{
    Error,
    members::Role,
    tenants::QuotaText,
    workflows::{Save, SaveError, Saved, VersionState, WorkflowSearch, bundles::FileRole},
};
use workflow::bundle::{Files, pack, read};

use crate::house::{House, refusal};

const FLOW: &str = "---\nworkflow: {id: triage, name: Triage}\ninputs:\n  text: {type: string, required: true}\n---\n\n## 1. Sort\n\n```yaml\n\
    action: agent.generate\nprompt: prompts/sort.md\noutput_variable: sorted\n```\n\n## 2. Tell\n\n```yaml\naction: workflow.log\n\
    inputs: {message: \"{{ vars.queue }}: {{ sorted }}\"}\n```\n";
const PROMPT: &str = "Sort this: {{ inputs.text }}\n";
const CONFIG: &str = "inputs: {text: nothing}\nvariables:\n  queue: {value: support, description: Where it goes}\n";
const TOOLS: &str = "tools:\n  lint: {type: script, file: tools/lint.py}\n";

fn files(changes: &[(&str, &str)]) -> Files {
    let all = [
        ("workflow.md", FLOW),
        ("prompts/sort.md", PROMPT),
        ("config.yaml", CONFIG),
        ("tools.yaml", TOOLS),
        ("tools/lint.py", "raise SystemExit(1)\n"),
        ("README.md", "Sorts what comes in.\n"),
    ];
    let all = Files::collect(all.map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()))).unwrap();
    changes.iter().fold(all, |all, (path, content)| all.with(path, content.as_bytes().to_vec()).unwrap())
}

fn archive(changes: &[(&str, &str)]) -> Vec<u8> {
    pack(&files(changes))
}

async fn import(house: &House, actor: &Actor, changes: &[(&str, &str)]) -> Saved {
    house.platform.import_bundle(actor, archive(changes)).await.unwrap()
}

async fn exported(house: &House, actor: &Actor, number: i64) -> Files {
    let export = house.platform.export_bundle(actor, "triage", number).await.unwrap();
    assert_eq!(export.file_name(), format!("triage-{number}.zip"));
    read(&export.archive).unwrap()
}

fn error_of<T: std::fmt::Debug>(result: Result<T, SaveError>) -> Result<T, Error> {
    result.map_err(SaveError::into_error)
}

/// A zip with one entry whose name leads out of it.
fn escaping() -> Vec<u8> {
    let mut archive = pack(&Files::collect([("abcdefgh".to_owned(), b"x".to_vec())]).unwrap());
    for at in 0..archive.len() - 8 {
        if archive[at..].starts_with(b"abcdefgh") {
            archive[at..at + 8].copy_from_slice(b"../evil8");
        }
    }
    archive
}

in_a_rehearsing_house! {
    async fn a_bundle_is_looked_at_without_anything_being_written(house) {
        let admin = house.acme_admin().await;
        let before = house.log(&admin).await;
        let bundle = house.platform.check_bundle(&admin, archive(&[])).await.unwrap();
        assert!(bundle.checked.is_sound(), "{:?}", bundle.checked.findings);
        assert_eq!((bundle.main.as_deref(), bundle.checked.slug.as_deref()), (Some("workflow.md"), Some("triage")));
        assert_eq!(bundle.checked.inputs[0].default, Some("nothing".into()));
        let roles: Vec<(&str, FileRole)> = bundle.files.iter().map(|file| (file.path.as_str(), file.role)).collect();
        assert_eq!(
            roles,
            [
                ("README.md", FileRole::Other),
                ("config.yaml", FileRole::Config),
                ("prompts/sort.md", FileRole::Other),
                ("tools.yaml", FileRole::Tools),
                ("tools/lint.py", FileRole::Tool),
                ("workflow.md", FileRole::Main),
            ]
        );
        let [queue] = bundle.variables.as_slice() else { panic!("{:?}", bundle.variables) };
        assert_eq!((queue.name.as_str(), queue.value.as_str(), queue.is_set), ("queue", "\"support\"", false));
        assert_eq!((bundle.tools[0].name.as_str(), bundle.tools[0].source.as_str()), ("lint", "tools/lint.py"));
        assert!(bundle.checked.mandate.is_some());
        assert!(house.platform.workflows(&admin, &WorkflowSearch::default()).await.unwrap().is_empty());
        assert!(house.platform.variables(&admin).await.unwrap().is_empty());
        assert_eq!(house.log(&admin).await, before);
    }

    async fn a_bundle_is_imported_as_a_draft_and_given_back_as_it_was(house) {
        let admin = house.acme_admin().await;
        let saved = import(&house, &admin, &[]).await;
        assert_eq!(saved, Saved { slug: "triage".to_owned(), version: 1, new: true, published: false });
        assert!(house.platform.variables(&admin).await.unwrap().is_empty(), "what is proposed is not set");
        let shown = house.platform.workflow(&admin, "triage").await.unwrap();
        assert!(shown.checked.is_sound(), "{:?}", shown.checked.findings);
        assert_eq!(shown.current.state, VersionState::Draft);
        assert_eq!(exported(&house, &admin, 1).await, files(&[]));
        let log = house.log(&admin).await;
        assert_eq!(log[log.len() - 2..], ["workflow.created", "workflow.exported"]);
    }

    async fn the_same_bundle_adds_nothing_and_one_other_byte_in_any_file_is_a_version(house) {
        let admin = house.acme_admin().await;
        import(&house, &admin, &[]).await;
        let again = import(&house, &admin, &[]).await;
        assert_eq!((again.version, again.new), (1, false));
        for (number, change) in [("README.md", "Another text.\n"), ("prompts/sort.md", "Sort: {{ inputs.text }}\n"), ("x.bin", "\0")].into_iter().enumerate() {
            let other = import(&house, &admin, &[change]).await;
            assert_eq!((other.version, other.new), (i64::try_from(number).unwrap() + 2, true), "{change:?}");
        }
        let versions = house.platform.workflow(&admin, "triage").await.unwrap().versions;
        let content: std::collections::BTreeSet<&str> = versions.iter().map(|version| version.content_hash.as_str()).collect();
        let plans: std::collections::BTreeSet<Option<&str>> = versions.iter().map(|version| version.plan_hash.as_deref()).collect();
        assert_eq!((content.len(), plans.len()), (4, 2), "a prompt is part of the plan, a README is not");
        assert_eq!(exported(&house, &admin, 2).await, files(&[("README.md", "Another text.\n")]));
    }

    async fn a_text_that_is_saved_alone_keeps_what_stands_beside_it(house) {
        let admin = house.acme_admin().await;
        import(&house, &admin, &[]).await;
        let text = FLOW.replace("name: Triage", "name: Sorting");
        let checked = house.platform.check_workflow(&admin, &text).await.unwrap();
        assert!(checked.is_sound(), "{:?}", checked.findings);
        let saved = house.platform.save(&admin, &Save::published(&text)).await.unwrap();
        assert_eq!((saved.version, saved.published), (2, true));
        assert_eq!(exported(&house, &admin, 2).await, files(&[("workflow.md", &text)]));
        let shown = house.platform.workflow(&admin, "triage").await.unwrap();
        assert!(shown.checked.is_sound() && shown.name == "Sorting");
    }

    async fn a_bundle_with_errors_is_refused_with_the_file_they_are_in_and_nothing_is_kept(house) {
        let admin = house.acme_admin().await;
        let wrong = archive(&[("config.yaml", "inputs: {txt: x}\n"), ("prompts/sort.md", "{{ inputs. }}")]);
        let Err(SaveError::Refused(checked)) = house.platform.import_bundle(&admin, wrong).await else { panic!("refused") };
        let files: Vec<Option<&str>> = checked.errors().map(|error| error.file.as_deref()).collect();
        assert_eq!(files, [Some("workflow.md")], "defaults are held against inputs once the file can be read");
        let wrong = archive(&[("config.yaml", "inputs: {txt: x}\n")]);
        let Err(SaveError::Refused(checked)) = house.platform.import_bundle(&admin, wrong).await else { panic!("refused") };
        let error = checked.errors().next().unwrap();
        assert_eq!((error.file.as_deref(), error.line, error.code), (Some("config.yaml"), 1, "unknown_input"));
        assert_eq!(error.excerpt.as_ref().unwrap().marked, "txt");
        assert!(house.platform.workflows(&admin, &WorkflowSearch::default()).await.unwrap().is_empty());
    }

    async fn a_hostile_archive_is_refused_before_anything_is_written(house) {
        let admin = house.acme_admin().await;
        let before = house.log(&admin).await;
        for archive in [escaping(), b"{\"archive\": \"/etc/passwd\"}".to_vec(), archive(&[])[..400].to_vec(), Vec::new()] {
            assert_eq!(refusal(house.platform.check_bundle(&admin, archive.clone()).await), (422, "bundle_refused"));
            assert_eq!(refusal(error_of(house.platform.import_bundle(&admin, archive).await)), (422, "bundle_refused"));
        }
        let words = house.platform.check_bundle(&admin, escaping()).await.unwrap_err().problem().detail;
        assert_eq!(words, "The entry `../evil8` has `..` in its path, which could lead out of the bundle.");
        assert!(house.platform.workflows(&admin, &WorkflowSearch::default()).await.unwrap().is_empty());
        assert_eq!(house.log(&admin).await, before);
    }

    async fn who_may_not_write_workflows_imports_none_and_who_may_read_them_takes_them(house) {
        let (admin, approver) = (house.acme_admin().await, house.acme_approver().await);
        assert_eq!(refusal(house.platform.check_bundle(&approver, archive(&[])).await), (403, "forbidden"));
        assert_eq!(refusal(error_of(house.platform.import_bundle(&approver, archive(&[])).await)), (403, "forbidden"));
        import(&house, &admin, &[]).await;
        assert_eq!(exported(&house, &approver, 1).await, files(&[]));
        house.platform.grant_role(&admin, approver.person().unwrap(), Role::Developer).await.unwrap();
        let developer = house.acme_approver().await;
        assert_eq!(import(&house, &developer, &[("README.md", "By another.\n")]).await.version, 2);
    }

    async fn two_tenants_with_the_same_bundle_have_one_each(house) {
        let (acme, globex) = (house.acme_admin().await, house.globex_admin().await);
        import(&house, &acme, &[]).await;
        assert_eq!(refusal(house.platform.export_bundle(&globex, "triage", 1).await), (404, "not_found"));
        let theirs = import(&house, &globex, &[("prompts/sort.md", "Theirs: {{ inputs.text }}\n")]).await;
        assert_eq!((theirs.version, theirs.new), (1, true));
        assert_eq!(exported(&house, &acme, 1).await, files(&[]));
        // A text alone takes the files of its own tenant.
        house.platform.save(&globex, &Save::draft(&FLOW.replace("Triage", "Ours"))).await.unwrap();
        assert_eq!(exported(&house, &globex, 2).await.get("prompts/sort.md"), Some(&b"Theirs: {{ inputs.text }}\n"[..]));
    }

    async fn the_files_of_a_bundle_count_towards_the_quota_of_stored_bytes(house) {
        let admin = house.acme_admin().await;
        let quotas = QuotaText { stored_mib: "1".to_owned(), ..QuotaText::default() };
        house.platform.set_quotas(&admin, &quotas).await.unwrap();
        let large: String = (0..400_000_u64).map(|number| char::from(b'a' + u8::try_from(number.wrapping_mul(2_654_435_761) >> 13 & 15).unwrap())).collect();
        import(&house, &admin, &[("data/one.txt", &large)]).await;
        let more = archive(&[("data/one.txt", &large), ("data/two.txt", &large)]);
        assert_eq!(refusal(error_of(house.platform.import_bundle(&admin, more).await)), (409, "quota_stored_bytes"));
        assert_eq!(house.platform.workflow(&admin, "triage").await.unwrap().versions.len(), 1);
    }
}
