//! How each route of the table is asked: the parts of its path filled in, and for those that change something a form that
//! is accepted. A new route that needs something unknown stops the tests here and is taught here.

use serde_json::{Value, json};
use web::route::RouteInfo;
use workflow::bundle::{Files, pack};

use super::{House, PASSWORD, Things};

const VENDOR_PAYMENT: &str = include_str!("../../../examples/vendor-payment.md");

/// What a request is made of.
#[derive(Debug, Clone)]
pub struct Way {
    pub route: RouteInfo,
    pub path: String,
    /// What is sent, for those that change something.
    pub fields: Vec<(&'static str, String)>,
    /// What is sent to the API.
    pub body: Option<Value>,
    /// What is sent where an archive is taken, and nothing else.
    pub archive: Option<Vec<u8>>,
}

/// Every route with what it takes, in the order of the table. `slug` is the tenant of the address, `things` those it names.
pub fn ways(house: &House, slug: &str, things: &Things) -> Vec<Way> {
    let way = |route: RouteInfo| {
        let is_page_that_changes = route.method != "GET" && !is_of_api(&route);
        let archive =
            (route.method == "POST" && (route.path.ends_with("/bundles") || route.path.ends_with("/bundles/checks"))).then(bundle);
        let fields = if is_page_that_changes && archive.is_none() { fields(&route, things) } else { Vec::new() };
        let body = if is_of_api(&route) && archive.is_none() { body(&route, things) } else { None };
        Way { path: path(house, &route, slug, things), route, fields, body, archive }
    };
    web::table().into_iter().map(way).collect()
}

impl Way {
    /// Whether asking changes something.
    pub fn is_unsafe(&self) -> bool {
        self.route.method != "GET"
    }

    /// Whether it leads to the API.
    pub fn is_of_api(&self) -> bool {
        is_of_api(&self.route)
    }

    /// The method and the pattern, as tables show them.
    pub fn name(&self) -> String {
        format!("{:6} {}", self.route.method, self.route.path)
    }

    /// Whether the path names something by an id, beside the tenant. Roles are called the same everywhere and belong to nobody.
    pub fn names_a_thing(&self) -> bool {
        self.route.path.replace("{slug}", "").replace("/roles/{role}", "").contains('{')
    }

    /// Goes this way.
    pub async fn go(&self, client: &super::Client) -> super::Answer {
        if let Some(archive) = &self.archive {
            return match self.is_of_api() {
                true => client.api_archive(&self.path, "application/zip", archive).await,
                false => client.send_archive(&self.path, archive).await,
            };
        }
        if self.is_of_api() {
            let method = self.route.method.parse().unwrap();
            // Whatever there is may be changed; those that demand no condition pass it over.
            return client.api(method, &self.path, &[("if-match", "*")], self.body.as_ref()).await;
        }
        if self.is_unsafe() {
            let fields: Vec<(&str, &str)> = self.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            client.post(&self.path, &fields).await
        } else {
            client.get(&self.path).await
        }
    }
}

/// A bundle with one file.
fn bundle() -> Vec<u8> {
    let flow = "---\nworkflow: {id: bundled, name: Bundled}\n---\n\n## 1. Say it\n\n```yaml\naction: workflow.log\ninputs: {message: there}\n```\n";
    pack(&Files::collect([("workflow.md".to_owned(), flow.as_bytes().to_vec())]).unwrap())
}

fn is_of_api(route: &RouteInfo) -> bool {
    route.path.starts_with("/api/")
}

fn path(house: &House, route: &RouteInfo, slug: &str, things: &Things) -> String {
    let mut before = "";
    let mut parts = Vec::new();
    for part in route.path.split('/') {
        parts.push(if part.starts_with('{') { fill(house, route, before, part, slug, things) } else { part.to_owned() });
        before = part;
    }
    parts.join("/")
}

fn fill(house: &House, route: &RouteInfo, before: &str, part: &str, slug: &str, things: &Things) -> String {
    match (before, part) {
        ("t", "{slug}") => slug.to_owned(),
        ("go", "{tenant}") => things.slug.to_owned(),
        ("s", _) => "nothing.000000000000.css".to_owned(),
        ("setup", _) => house.platform.tenant_invite().rsplit('/').next().unwrap().to_owned(),
        ("a", _) => things.approval_link.rsplit('/').next().unwrap().to_owned(),
        ("invitations", "{token}") => things.invitation_token.clone(),
        ("mailbox", _) => things.mail.clone(),
        ("sessions", _) if route.path.contains("/members/") => things.member_session.clone(),
        ("sessions", _) => things.session.clone(),
        ("password-reset", _) => things.reset_token.clone(),
        ("email-changes", _) => things.email_token.clone(),
        ("email-restorations", _) => things.restoration_token.clone(),
        ("roles", _) if route.method != "POST" => if route.method == "DELETE" { "viewer" } else { "developer" }.to_owned(),
        ("members", _) => things.member.clone(),
        ("roles", _) => if route.path.ends_with("/grant") { "developer" } else { "viewer" }.to_owned(),
        ("invitations", "{id}" | "{invitation}") => things.invitation.clone(),
        ("workflows", _) => things.workflow.clone(),
        ("folders", _) => things.folder.clone(),
        // The first version was published and replaced, the second is published, the third is a draft.
        ("versions", _) if route.path.ends_with("/publication") => "3".to_owned(),
        ("versions", _) => "1".to_owned(),
        ("runs", _) => things.run.to_string(),
        ("approvals", _) => things.approval.to_string(),
        ("credentials", _) => things.credential.clone(),
        ("providers", _) => things.provider.clone(),
        ("models", _) => things.model.clone(),
        ("variables", _) => things.variable.clone(),
        ("holds", _) => things.hold.clone(),
        ("keys", _) => things.key.clone(),
        _ => panic!("tests/house/harness/ways.rs does not know what stands for {part} in {}", route.path),
    }
}

/// A form that is accepted when the one who sends it may.
fn fields(route: &RouteInfo, things: &Things) -> Vec<(&'static str, String)> {
    let text = |fields: &[(&'static str, &str)]| fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect::<Vec<_>>();
    match route.path.strip_prefix("/t/{slug}").unwrap_or(route.path) {
        "/sign-in" => text(&[("email", &format!("spare@{}.example", things.slug)), ("password", PASSWORD)]),
        "/setup/{token}" => text(&[
            ("tenant_name", "Initech"),
            ("slug", "initech"),
            ("name", "Ida Initech"),
            ("email", "admin@initech.example"),
            ("password", PASSWORD),
        ]),
        "/invitations/{token}" => text(&[("name", "Ina Invited"), ("password", PASSWORD)]),
        "/password-reset" => text(&[("email", &format!("spare@{}.example", things.slug))]),
        "/password-reset/{token}" | "/email-restorations/{token}" => text(&[("password", "quiet lantern orchard 4")]),
        "/account/email" => text(&[("email", "somebody-else@acme.example"), ("password", PASSWORD)]),
        "/settings" => text(&[("name", "Another name"), ("session_idle_minutes", ""), ("invited_domains", ""), ("time_zone", "UTC")]),
        "/settings/quotas" => text(&[("members", "100"), ("open_runs", ""), ("runs_a_day", ""), ("stored_mib", "")]),
        "/account/password" => text(&[("current", PASSWORD), ("new", "quiet lantern orchard 4")]),
        "/account/theme" => text(&[("theme", "dark")]),
        "/invitations" => text(&[("email", "new@acme.example"), ("name", "Nina New"), ("role", "viewer")]),
        "/budgets" => text(&[("scope", "tenant"), ("period", "month"), ("limit", "25.00"), ("act", "set")]),
        "/account/keys" => text(&[("of", things.slug), ("name", "another"), ("days", "30"), ("scopes", "run:read")]),
        "/keys" => text(&[("of", &things.service_account), ("name", "another"), ("days", "30"), ("scopes", "run:read")]),
        "/service-accounts" => text(&[("word", "another"), ("name", "Another")]),
        "/holds/{id}/confirmation" => text(&[("cost", "0")]),
        "/credentials" => {
            text(&[("name", "another"), ("kind", "token"), ("allowed_hosts", "api.example.com"), ("value", "a-secret-value")])
        }
        "/credentials/{id}/replacement" => text(&[("value", "another-secret-value")]),
        "/credentials/{id}/hosts" => text(&[("allowed_hosts", "api.example.com"), ("description", "")]),
        "/credentials/{id}/removal" => text(&[("typed", "payment-desk")]),
        "/providers" => text(&[("name", "another"), ("base_url", "https://api.example.com/v1"), ("credential_name", "")]),
        "/providers/{id}/removal" => text(&[("typed", "rehearsal")]),
        "/providers/{id}/models" => text(&[("name", "another"), ("input_price", "1"), ("output_price", "2"), ("max_output_tokens", "100")]),
        "/providers/{id}/models/{model}/price" => text(&[("input_price", "1"), ("output_price", "2"), ("max_output_tokens", "100")]),
        "/providers/{id}/models/{model}/removal" => text(&[("typed", "rehearsal/rehearsal-model")]),
        "/variables" => text(&[("name", "another"), ("kind", "number"), ("value", "12")]),
        "/variables/{id}/value" => text(&[("kind", "text"), ("value", "another")]),
        "/variables/{id}/removal" => text(&[("typed", "erp_url")]),
        "/workflows/checks" => vec![("source", VENDOR_PAYMENT.replace("id: vendor-payment", "id: another-payment"))],
        "/workflows" => vec![
            ("source", VENDOR_PAYMENT.replace("id: vendor-payment", "id: another-payment")),
            ("act", "publish".to_owned()),
            ("message", "As agreed".to_owned()),
        ],
        "/workflows/{workflow}/folder" => text(&[("folder", &things.folder)]),
        "/workflows/{workflow}/versions/{number}/publication" => text(&[("tag", &things.workflow_tag)]),
        "/folders" => text(&[("path", "Another")]),
        "/folders/{folder}/path" => text(&[("new_path", "Elsewhere")]),
        "/workflows/{workflow}/runs" => text(&[("start_key", "a-key")]),
        "/workflows/{workflow}/removal" => text(&[("confirm", &things.workflow)]),
        "/approvals/{id}/decision" => text(&[("decision", "approve"), ("comment", "As agreed."), ("digest", &things.digest)]),
        "/runs/{id}/repetition" => text(&[("start_key", "another-key")]),
        "/runs/{id}/signals" => text(&[("name", "go"), ("payload", "1")]),
        "/runs/{id}/pause" | "/runs/{id}/continuation" => text(&[]),
        "/runs/{id}/cancellation" => text(&[("reason", "Not needed.")]),
        "/providers/{id}/models/{model}/default"
        | "/holds/{id}/release"
        | "/workflows/{workflow}/versions/{number}/restoration"
        | "/folders/{folder}/removal"
        | "/sign-out"
        | "/account/keys/{key}/revocation"
        | "/keys/{key}/revocation"
        | "/account/sessions/ending"
        | "/account/sessions/{id}/ending"
        | "/members/{id}/roles/{role}/grant"
        | "/members/{id}/roles/{role}/withdrawal"
        | "/members/{id}/disabling"
        | "/members/{id}/enabling"
        | "/members/{id}/sessions/ending"
        | "/members/{id}/sessions/{session}/ending"
        | "/email-changes/{token}"
        | "/invitations/{id}/resending"
        | "/invitations/{id}/withdrawal" => Vec::new(),
        other => panic!("tests/house/harness/ways.rs knows no form for POST {other}"),
    }
}

/// What the API accepts when the one who sends it may; nothing where it takes nothing.
fn body(route: &RouteInfo, things: &Things) -> Option<Value> {
    let path = route.path.strip_prefix("/api/v1").unwrap();
    let ours = format!(
        "---\nworkflow: {{id: {}, name: Ours}}\n---\n\n## 1. Say it\n\n```yaml\naction: workflow.log\ninputs: {{message: there}}\n```\n",
        things.workflow
    );
    let price = json!({"input_price": "1", "output_price": "2", "max_output_tokens": 100});
    Some(match (route.method, path) {
        ("GET" | "DELETE", _) => return None,
        (_, "/tokens") => json!({}),
        (_, "/workflows/checks" | "/workflows/{workflow}" | "/workflows/imports") => json!({"source": ours}),
        (_, "/workflows/{workflow}/folder") => json!({"folder": "Made"}),
        (_, "/folders") => json!({"path": "Another"}),
        (_, "/folders/{folder}") => json!({"path": "Elsewhere"}),
        (_, "/runs") => json!({"workflow": things.workflow}),
        (_, "/workflows/{workflow}/dry-runs") => json!({}),
        (_, "/runs/{run}/signals") => json!({"name": "go", "payload": 1}),
        (_, "/runs/{run}/pause") => json!({"reason": "The bank is closed."}),
        (_, "/runs/{run}/cancellation") => json!({"reason": "Not needed."}),
        (_, "/approvals/{approval}/decision") => json!({"decision": "approve", "comment": "As agreed.", "digest": things.digest}),
        (_, "/budgets/tenant" | "/budgets/workflows/{workflow}") => json!({"total": "25.00"}),
        (_, "/holds/{hold}/confirmation") => json!({"cost": "0"}),
        (_, "/credentials") => {
            json!({"name": "another", "kind": "token", "value": "a-secret-value", "allowed_hosts": ["api.example.com"]})
        }
        (_, "/credentials/{credential}") => json!({"allowed_hosts": ["api.example.com"]}),
        (_, "/credentials/{credential}/replacement") => json!({"value": "another-secret-value"}),
        (_, "/variables") => json!({"name": "another", "value": 12}),
        (_, "/variables/{variable}") => json!({"value": "another"}),
        (_, "/providers") => json!({"name": "another", "base_url": "https://api.example.com/v1"}),
        (_, "/providers/{provider}/models") => {
            json!({"name": "another", "input_price": "1", "output_price": "2", "max_output_tokens": 100})
        }
        (_, "/providers/{provider}/models/{model}/price") => price,
        (_, "/invitations") => json!({"email": "new@acme.example", "name": "Nina New", "role": "viewer"}),
        (
            _,
            "/runs/{run}/continuation"
            | "/holds/{hold}/release"
            | "/workflows/{workflow}/versions/{number}/publication"
            | "/workflows/{workflow}/versions/{number}/restoration"
            | "/providers/{provider}/models/{model}/default"
            | "/members/{member}/roles/{role}"
            | "/members/{member}/disabling"
            | "/members/{member}/enabling"
            | "/invitations/{invitation}/resending",
        ) => return None,
        (method, other) => panic!("tests/house/harness/ways.rs knows no body for {method} {other}"),
    })
}
