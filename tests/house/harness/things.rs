//! One of everything that a tenant can have: what addresses name by an id.

use std::time::Duration;

use database::{
    Housekeeping,
    person_links::{self, LinkPurpose, NewPersonLink},
};
use domain::{ApprovalId, RunId, Secret, machine::OsEntropy};
use platform::{runs::Waiting, workflows::Save};
use rehearsal::When;
use serde_json::json;
use vault::Token;

use super::{House, Tenant, Who};

/// The ids of one tenant, as they stand in addresses.
#[derive(Debug, Clone)]
pub struct Things {
    pub slug: &'static str,
    /// A workflow that the other tenant has not: with an older version, a published one and a draft.
    pub workflow: String,
    /// Tells its state from every other one.
    pub workflow_tag: String,
    /// A folder with nothing in it.
    pub folder: String,
    /// A run that waits for its approval.
    pub run: RunId,
    pub approval: ApprovalId,
    /// What exactly it is about.
    pub digest: String,
    /// The address in the mail to the approver, from its slash on.
    pub approval_link: String,
    pub credential: String,
    pub provider: String,
    pub model: String,
    pub variable: String,
    /// Money set aside for a call of which nobody knows whether it was made.
    pub hold: String,
    pub invitation: String,
    /// The token in the mail of that invitation.
    pub invitation_token: String,
    pub member: String,
    /// A further session of the admin.
    pub session: String,
    /// An API key of the admin.
    pub key: String,
    /// A service account.
    pub service_account: String,
    /// A session of that member.
    pub member_session: String,
    /// The token in a mail to that member by which they choose a new password.
    pub reset_token: String,
    /// The token in a mail by which the admin confirms another address.
    pub email_token: String,
    /// The token in a mail by which that member takes an old address back.
    pub restoration_token: String,
    pub mail: String,
}

/// Makes one of everything, by the verbs.
pub async fn made_in(house: &House, tenant: &Tenant) -> Things {
    let platform = &house.platform;
    let admin = house.actor(&tenant.admin).await;

    // A run that is cancelled while the model thinks leaves its hold in doubt.
    let asked = house.rehearsal.model_stage().requests().len();
    house.rehearsal.model_stage().hang_next(When::AfterWork);
    let doubtful = house.start(&tenant.developer, json!({"invoice_id": "INV-4711"})).await;
    tokio::time::timeout(super::PATIENCE, house.rehearsal.model_stage().arrived(asked + 1)).await.unwrap();
    platform.cancel_run(&admin, doubtful, None, false).await.unwrap();
    house.until_over(tenant, doubtful).await;
    house.rehearsal.model_stage().release();
    let hold = platform.budgets(&admin).await.unwrap().in_doubt.first().expect("a hold in doubt").id;

    let run = house.start(&tenant.developer, json!({"invoice_id": "INV-20417"})).await;
    let approval = approval_of(house, tenant, run).await;

    let workflow = format!("only-{}", tenant.slug);
    let source = format!(
        "---\nworkflow: {{id: {workflow}, name: Ours}}\n---\n\n## 1. Say it\n\n```yaml\naction: workflow.log\ninputs: {{message: here}}\n```\n"
    );
    platform.save_workflow(&admin, &source.replace("here", "first")).await.unwrap();
    platform.save_workflow(&admin, &source).await.unwrap();
    platform.save(&admin, &Save::draft(&source.replace("here", "draft"))).await.unwrap();
    let workflow_tag = platform.workflow(&admin, &workflow).await.unwrap().tag;
    let (folder, _) = platform.create_folder(&admin, "Made").await.unwrap();

    let invite = platform::invitations::Invite {
        email: format!("invited@{}.example", tenant.slug),
        name: "Ina Invited".to_owned(),
        role: platform::members::Role::Viewer,
    };
    let invitation = platform.invite(&admin, invite).await.unwrap();
    house.another_session_of(&tenant.admin).await;
    let signed_in = platform.session(&tenant.admin.who().cookie).await.unwrap().unwrap();
    let sessions = platform.own_sessions(&signed_in).await.unwrap();

    let spare = tenant.spare.who();
    let of_spare = platform.member_sessions(&admin, spare.person).await.unwrap();
    let client = platform::identity::Client { request: platform.new_request(Some("127.0.0.1".to_owned())), agent: None };
    platform.request_password_reset(&spare.email, &client).await.unwrap();
    let another = format!("other@{}.example", tenant.slug);
    platform.request_email_change(&signed_in, &another, Secret::new(super::PASSWORD), &client).await.unwrap();
    let restoration_token = restoration_of(house, spare).await;

    let new = platform::keys::NewKey { name: "another".to_owned(), scopes: vec!["run:read".to_owned()], days: 30 };
    let key = platform.create_api_key(&admin, &new).await.unwrap();
    let service_account = platform.create_service_account(&admin, "robot", "Pays what is due").await.unwrap();
    let admin = house.actor(&tenant.admin).await;

    let path = |link: String| link.strip_prefix(&platform.settings().public_url).unwrap().to_owned();
    let approval_link = path(house.mailed_link(tenant.approver.email(), "/a/").await);
    let last = |link: String| link.rsplit('/').next().unwrap().to_owned();
    let reset_token = last(house.mailed_link(&spare.email, "/password-reset/").await);
    let email_token = last(house.mailed_link(&another, "/email-changes/").await);
    let invitation_link = path(house.mailed_link(&invitation.email, "/invitations/").await);
    let mails = platform.mailbox().await.unwrap();
    let providers = platform.providers(&admin).await.unwrap();
    let credentials = platform.credentials(&admin).await.unwrap();
    let variables = platform.variables(&admin).await.unwrap();
    Things {
        slug: tenant.slug,
        workflow,
        workflow_tag,
        folder: folder.to_string(),
        run,
        approval,
        digest: platform.approval(&admin, approval).await.unwrap().digest,
        approval_link,
        credential: credentials.iter().find(|line| line.name == "payment-desk").unwrap().id.to_string(),
        provider: providers[0].id.to_string(),
        model: providers[0].models[0].id.to_string(),
        variable: variables.iter().find(|line| line.name == "erp_url").unwrap().id.to_string(),
        hold: hold.to_string(),
        invitation: invitation.id.to_string(),
        invitation_token: invitation_link.rsplit('/').next().unwrap().to_owned(),
        member: spare.person.to_string(),
        member_session: of_spare[0].id.to_string(),
        reset_token,
        email_token,
        restoration_token,
        session: sessions.iter().find(|session| !session.is_this_one).unwrap().id.to_string(),
        key: key.id.to_string(),
        service_account: service_account.to_string(),
        mail: mails.iter().find(|mail| mail.to == tenant.approver.email()).unwrap().id.to_string(),
    }
}

/// A link by which somebody takes the address back that they have: as after a change that was undone in another way.
async fn restoration_of(house: &House, who: &Who) -> String {
    let (token, now) = (Token::generate(&OsEntropy), house.platform.now());
    let link = NewPersonLink {
        id: house.platform.new_id(),
        person: who.person,
        purpose: LinkPurpose::EmailRestoration,
        token_hash: token.hash(),
        email: who.email.clone(),
        created_at: now,
        expires_at: now.after(Duration::from_hours(24)),
    };
    let mut tx = house.platform.database().system().await.unwrap();
    person_links::create(&mut tx, &link).await.unwrap();
    tx.housekeep(Housekeeping::Links).await.unwrap();
    token.text().expose().to_owned()
}

/// The approval that a run waits for, once it does.
pub async fn approval_of(house: &House, tenant: &Tenant, run: RunId) -> ApprovalId {
    let waits = |shown: &platform::runs::RunShown| matches!(shown.line.waiting, Some(Waiting::Approval { .. }));
    match house.until(tenant, run, waits).await.line.waiting {
        Some(Waiting::Approval { approval: Some(approval), .. }) => approval,
        other => panic!("the run waits for {other:?}"),
    }
}
