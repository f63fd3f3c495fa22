//! The table of routes: one line each, and no other way to be one.
//!
//! [`table`] lists it, for tests that print it into a committed file: a change of who may is then a visible diff.

use domain::permission::{
    AgentRead, AgentWrite, ApprovalApprove, ApprovalRead, AuditExport, AuditRead, BudgetRead, BudgetWrite, CredentialRead, CredentialWrite,
    RoleRead, RoleWrite, RunCancel, RunRead, SettingsRead, SettingsWrite, UserManage, UserRead, UserWrite, VariableRead, VariableWrite,
    WorkflowDelete, WorkflowExecute, WorkflowRead, WorkflowWrite,
};

use crate::{
    account,
    api::{self, AnyKey, Key},
    approvals, assets, audit, budgets, bundles, credentials, email_changes, folders, health, home, invitations, keys, mailbox, members,
    metrics, password_reset, providers, roles,
    route::{Member, Method, Public, Route, RouteInfo, SignedIn, route},
    runs, settings, setup, sign_in, tenants, variables, workflows,
};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const DELETE: Method = Method::DELETE;

/// Every route.
#[rustfmt::skip]
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route(Public, GET, "/healthz", health::live).unlimited(),
        route(Public, GET, "/readyz", health::ready).unlimited(),
        route(Public, GET, "/metrics", metrics::show),
        route(Public, GET, "/s/{file}", assets::file).unlimited(),

        route(Public, GET, "/setup/{token}", setup::form),
        route(Public, POST, "/setup/{token}", setup::set_up),
        route(Public, GET, "/sign-in", sign_in::form),
        route(Public, POST, "/sign-in", sign_in::sign_in),
        route(SignedIn, POST, "/sign-out", sign_in::sign_out),
        route(Public, GET, "/invitations/{token}", invitations::form),
        route(Public, POST, "/invitations/{token}", invitations::accept),
        route(Public, GET, "/password-reset", password_reset::form),
        route(Public, POST, "/password-reset", password_reset::request),
        route(Public, GET, "/password-reset/{token}", password_reset::choice),
        route(Public, POST, "/password-reset/{token}", password_reset::choose),
        route(Public, GET, "/email-restorations/{token}", email_changes::restoration),
        route(Public, POST, "/email-restorations/{token}", email_changes::restore),
        route(Public, GET, "/mailbox", mailbox::list),
        route(Public, GET, "/mailbox/{id}", mailbox::mail),

        route(SignedIn, GET, "/", tenants::front_door),
        route(SignedIn, GET, "/go/{tenant}", tenants::go),
        route(SignedIn, GET, "/account", account::page),
        route(SignedIn, POST, "/account/password", account::change_password),
        route(SignedIn, POST, "/account/email", account::change_email),
        route(SignedIn, GET, "/email-changes/{token}", email_changes::confirmation),
        route(SignedIn, POST, "/email-changes/{token}", email_changes::confirm),
        route(SignedIn, POST, "/account/theme", account::choose_theme),
        route(SignedIn, POST, "/account/sessions/ending", account::end_other_sessions),
        route(SignedIn, POST, "/account/sessions/{id}/ending", account::end_session),

        route(SignedIn, GET, "/account/keys", keys::own::list),
        route(SignedIn, POST, "/account/keys", keys::own::create),
        route(SignedIn, POST, "/account/keys/{key}/revocation", keys::own::revoke),

        route(SignedIn, GET, "/a/{token}", approvals::link::follow),

        route(Member(RunRead), GET, "/t/{slug}", home::page),

        route(Member(WorkflowRead), GET, "/t/{slug}/workflows", workflows::list),
        route(Member(WorkflowWrite), POST, "/t/{slug}/workflows", workflows::new::save),
        route(Member(WorkflowWrite), GET, "/t/{slug}/workflows/new", workflows::new::form),
        route(Member(WorkflowWrite), POST, "/t/{slug}/workflows/checks", workflows::new::check),
        route(Member(WorkflowRead), GET, "/t/{slug}/workflows/export", workflows::versions::export),
        route(Member(WorkflowRead), GET, "/t/{slug}/workflows/{workflow}", workflows::workflow),
        route(Member(WorkflowDelete), POST, "/t/{slug}/workflows/{workflow}/removal", workflows::remove),
        route(Member(WorkflowExecute), POST, "/t/{slug}/workflows/{workflow}/runs", workflows::start::start),
        route(Member(WorkflowExecute), GET, "/t/{slug}/workflows/{workflow}/runs/new", workflows::start::form),
        route(Member(WorkflowWrite), POST, "/t/{slug}/workflows/{workflow}/folder", workflows::place),
        route(Member(WorkflowRead), GET, "/t/{slug}/workflows/{workflow}/history", workflows::versions::history),
        route(Member(WorkflowRead), GET, "/t/{slug}/workflows/{workflow}/plan", workflows::plan::current),
        route(Member(WorkflowRead), GET, "/t/{slug}/workflows/{workflow}/versions", workflows::versions::list),
        route(Member(WorkflowWrite), POST, "/t/{slug}/bundles", bundles::import),
        route(Member(WorkflowWrite), GET, "/t/{slug}/bundles/new", bundles::form),
        route(Member(WorkflowWrite), POST, "/t/{slug}/bundles/checks", bundles::check),
        route(Member(WorkflowRead), GET, "/t/{slug}/workflows/{workflow}/versions/{number}/bundle", bundles::export),
        route(Member(WorkflowRead), GET, "/t/{slug}/workflows/{workflow}/versions/{number}", workflows::versions::version),
        route(Member(WorkflowRead), GET, "/t/{slug}/workflows/{workflow}/versions/{number}/difference", workflows::versions::difference),
        route(Member(WorkflowRead), GET, "/t/{slug}/workflows/{workflow}/versions/{number}/file", workflows::versions::file),
        route(Member(WorkflowRead), GET, "/t/{slug}/workflows/{workflow}/versions/{number}/plan", workflows::plan::of_version),
        route(Member(WorkflowWrite), POST, "/t/{slug}/workflows/{workflow}/versions/{number}/publication", workflows::versions::publish),
        route(Member(WorkflowWrite), POST, "/t/{slug}/workflows/{workflow}/versions/{number}/restoration", workflows::versions::restore),

        route(Member(WorkflowWrite), POST, "/t/{slug}/folders", folders::create),
        route(Member(WorkflowRead), GET, "/t/{slug}/folders/{folder}", folders::folder),
        route(Member(WorkflowWrite), POST, "/t/{slug}/folders/{folder}/path", folders::change),
        route(Member(WorkflowWrite), POST, "/t/{slug}/folders/{folder}/removal", folders::remove),

        route(Member(RunRead), GET, "/t/{slug}/runs", runs::list::list),
        route(Member(RunRead), GET, "/t/{slug}/runs/{id}", runs::show::run),
        route(Member(RunRead), GET, "/t/{slug}/runs/{id}/live", runs::live::live),
        route(Member(WorkflowExecute), POST, "/t/{slug}/runs/{id}/repetition", runs::repetition::repeat),
        route(Member(WorkflowRead), GET, "/t/{slug}/runs/{id}/version", runs::version::version),
        route(Member(WorkflowExecute), POST, "/t/{slug}/runs/{id}/signals", runs::signal::send),
        route(Member(WorkflowExecute), GET, "/t/{slug}/runs/{id}/signals/new", runs::signal::form),
        route(Member(RunCancel), POST, "/t/{slug}/runs/{id}/pause", runs::pause::pause),
        route(Member(RunCancel), POST, "/t/{slug}/runs/{id}/continuation", runs::pause::go_on),
        route(Member(RunCancel), POST, "/t/{slug}/runs/{id}/cancellation", runs::cancellation::cancel),
        route(Member(RunCancel), GET, "/t/{slug}/runs/{id}/cancellation/new", runs::cancellation::form),

        route(Member(ApprovalRead), GET, "/t/{slug}/approvals", approvals::list),
        route(Member(ApprovalRead), GET, "/t/{slug}/approvals/{id}", approvals::decision::page),
        route(Member(ApprovalApprove), POST, "/t/{slug}/approvals/{id}/decision", approvals::decision::decide),

        route(Member(UserRead), GET, "/t/{slug}/members", members::list),
        route(Member(UserRead), GET, "/t/{slug}/members/{id}", members::member),
        route(Member(RoleWrite), POST, "/t/{slug}/members/{id}/roles/{role}/grant", members::give_role),
        route(Member(RoleWrite), POST, "/t/{slug}/members/{id}/roles/{role}/withdrawal", members::take_role),
        route(Member(UserManage), POST, "/t/{slug}/members/{id}/disabling", members::disable),
        route(Member(UserManage), POST, "/t/{slug}/members/{id}/enabling", members::enable),
        route(Member(UserManage), POST, "/t/{slug}/members/{id}/sessions/ending", members::end_sessions),
        route(Member(UserManage), POST, "/t/{slug}/members/{id}/sessions/{session}/ending", members::end_session),
        route(Member(RoleRead), GET, "/t/{slug}/roles", roles::list),
        route(Member(RoleRead), GET, "/t/{slug}/roles/{role}", roles::role),
        route(Member(RoleRead), GET, "/t/{slug}/permissions", roles::permissions),
        route(Member(SettingsRead), GET, "/t/{slug}/settings", settings::page),
        route(Member(SettingsWrite), POST, "/t/{slug}/settings", settings::change),
        route(Member(SettingsWrite), POST, "/t/{slug}/settings/quotas", settings::set_quotas),
        route(Member(UserWrite), POST, "/t/{slug}/invitations", invitations::invite),
        route(Member(UserWrite), POST, "/t/{slug}/invitations/{id}/resending", invitations::resend),
        route(Member(UserWrite), POST, "/t/{slug}/invitations/{id}/withdrawal", invitations::withdraw),

        route(Member(UserRead), GET, "/t/{slug}/keys", keys::tenant::list),
        route(Member(UserManage), POST, "/t/{slug}/keys", keys::tenant::create),
        route(Member(UserManage), POST, "/t/{slug}/keys/{key}/revocation", keys::tenant::revoke),
        route(Member(UserWrite), POST, "/t/{slug}/service-accounts", keys::tenant::create_account),

        route(Member(BudgetRead), GET, "/t/{slug}/budgets", budgets::page),
        route(Member(BudgetWrite), POST, "/t/{slug}/budgets", budgets::set_limit),
        route(Member(BudgetWrite), POST, "/t/{slug}/holds/{id}/confirmation", budgets::confirm),
        route(Member(BudgetWrite), POST, "/t/{slug}/holds/{id}/release", budgets::release),

        route(Member(CredentialRead), GET, "/t/{slug}/credentials", credentials::list),
        route(Member(CredentialWrite), POST, "/t/{slug}/credentials", credentials::create),
        route(Member(CredentialRead), GET, "/t/{slug}/credentials/{id}", credentials::credential),
        route(Member(CredentialWrite), POST, "/t/{slug}/credentials/{id}/replacement", credentials::replace),
        route(Member(CredentialWrite), POST, "/t/{slug}/credentials/{id}/hosts", credentials::change),
        route(Member(CredentialWrite), POST, "/t/{slug}/credentials/{id}/removal", credentials::remove),

        route(Member(AgentRead), GET, "/t/{slug}/providers", providers::list),
        route(Member(AgentWrite), POST, "/t/{slug}/providers", providers::add),
        route(Member(AgentRead), GET, "/t/{slug}/providers/{id}", providers::provider),
        route(Member(AgentWrite), POST, "/t/{slug}/providers/{id}/removal", providers::remove),
        route(Member(AgentWrite), POST, "/t/{slug}/providers/{id}/models", providers::add_model),
        route(Member(AgentRead), GET, "/t/{slug}/providers/{id}/models/{model}", providers::model),
        route(Member(AgentWrite), POST, "/t/{slug}/providers/{id}/models/{model}/price", providers::set_price),
        route(Member(AgentWrite), POST, "/t/{slug}/providers/{id}/models/{model}/default", providers::make_default),
        route(Member(AgentWrite), POST, "/t/{slug}/providers/{id}/models/{model}/removal", providers::remove_model),

        route(Member(VariableRead), GET, "/t/{slug}/variables", variables::list),
        route(Member(VariableWrite), POST, "/t/{slug}/variables", variables::set),
        route(Member(VariableRead), GET, "/t/{slug}/variables/{id}", variables::variable),
        route(Member(VariableWrite), POST, "/t/{slug}/variables/{id}/value", variables::change),
        route(Member(VariableWrite), POST, "/t/{slug}/variables/{id}/removal", variables::remove),

        route(Member(AuditRead), GET, "/t/{slug}/audit", audit::list),
        route(Member(AuditRead), GET, "/t/{slug}/audit/verification", audit::verification::page),
        route(Member(AuditExport), GET, "/t/{slug}/audit/export.jsonl", audit::export),
        route(Member(AuditExport), GET, "/t/{slug}/audit/export.csv", audit::table),

        route(Public, GET, "/api/v1/openapi.json", api::document::show),
        api::route(AnyKey, GET, "/api/v1/whoami", "Tell who calls and what they may", api::identity::whoami),
        api::route(AnyKey, POST, "/api/v1/tokens", "Exchange the API key for an access token", api::identity::issue_token),

        api::route(Key(WorkflowRead), GET, "/api/v1/workflows", "List workflows", api::workflows::list),
        api::route(Key(WorkflowWrite), POST, "/api/v1/workflows/checks", "Check a workflow file without saving it", api::workflows::check),
        api::route(Key(WorkflowRead), GET, "/api/v1/workflows/{workflow}", "Show a workflow", api::workflows::show),
        api::route(Key(WorkflowWrite), PUT, "/api/v1/workflows/{workflow}", "Save a workflow", api::workflows::save),
        api::route(Key(WorkflowDelete), DELETE, "/api/v1/workflows/{workflow}", "Remove a workflow", api::workflows::remove),
        api::route(Key(WorkflowRead), GET, "/api/v1/workflows/export", "Export all workflows as an archive", api::versions::export),
        api::route(Key(WorkflowWrite), POST, "/api/v1/workflows/imports", "Import a workflow file as a draft", api::workflows::import),
        api::route(Key(WorkflowExecute), POST, "/api/v1/workflows/{workflow}/dry-runs", "Think a run through with samples", api::dry_runs::create),
        api::route(Key(WorkflowExecute), GET, "/api/v1/workflows/{workflow}/estimate", "Estimate what a run costs", api::dry_runs::estimate),
        api::route(Key(WorkflowWrite), PUT, "/api/v1/workflows/{workflow}/folder", "Move a workflow into a folder", api::versions::place),
        api::route(Key(WorkflowRead), GET, "/api/v1/workflows/{workflow}/history", "Export a workflow with its history", api::versions::history),
        api::route(Key(WorkflowRead), GET, "/api/v1/workflows/{workflow}/plan", "Show the plan of a workflow", api::plans::current),
        api::route(Key(WorkflowRead), GET, "/api/v1/workflows/{workflow}/versions", "List the versions of a workflow", api::versions::list),
        api::route(Key(WorkflowRead), GET, "/api/v1/workflows/{workflow}/versions/{number}", "Show a version of a workflow", api::versions::show),
        api::route(Key(WorkflowRead), GET, "/api/v1/workflows/{workflow}/versions/{number}/difference", "Compare a version with another one", api::versions::difference),
        api::route(Key(WorkflowRead), GET, "/api/v1/workflows/{workflow}/versions/{number}/file", "Export a version as its file", api::versions::file),
        api::route(Key(WorkflowRead), GET, "/api/v1/workflows/{workflow}/versions/{number}/plan", "Show the plan of a version", api::plans::of_version),
        api::route(Key(WorkflowWrite), POST, "/api/v1/workflows/{workflow}/versions/{number}/publication", "Publish a version", api::versions::publish),
        api::route(Key(WorkflowWrite), POST, "/api/v1/workflows/{workflow}/versions/{number}/restoration", "Restore a version as a new draft", api::versions::restore),

        api::route(Key(WorkflowRead), GET, "/api/v1/folders", "List folders", api::folders::list),
        api::route(Key(WorkflowWrite), POST, "/api/v1/folders", "Make a folder", api::folders::create),
        api::route(Key(WorkflowWrite), PUT, "/api/v1/folders/{folder}", "Rename or move a folder", api::folders::change),
        api::route(Key(WorkflowWrite), DELETE, "/api/v1/folders/{folder}", "Remove a folder", api::folders::remove),

        api::route(Key(WorkflowWrite), POST, "/api/v1/bundles", "Import a bundle as a draft", api::bundles::import),
        api::route(Key(WorkflowWrite), POST, "/api/v1/bundles/checks", "Look into a bundle without storing it", api::bundles::check),
        api::route(Key(WorkflowRead), GET, "/api/v1/workflows/{workflow}/versions/{number}/bundle", "Export a version as a bundle", api::bundles::export),

        api::route(Key(RunRead), GET, "/api/v1/runs", "List runs", api::runs::list),
        api::route(Key(WorkflowExecute), POST, "/api/v1/runs", "Start a run", api::runs::start),
        api::route(Key(RunRead), GET, "/api/v1/runs/{run}", "Show a run, or wait for news of it", api::runs::show),
        api::route(Key(RunRead), GET, "/api/v1/runs/{run}/log", "Show what the steps of a run logged", api::runs::log),
        api::route(Key(WorkflowExecute), POST, "/api/v1/runs/{run}/signals", "Send a signal to a run", api::runs::signal),
        api::route(Key(RunCancel), POST, "/api/v1/runs/{run}/pause", "Pause a run", api::runs::pause),
        api::route(Key(RunCancel), POST, "/api/v1/runs/{run}/continuation", "Let a paused run go on", api::runs::go_on),
        api::route(Key(RunCancel), POST, "/api/v1/runs/{run}/cancellation", "Cancel a run", api::runs::cancel),

        api::route(Key(ApprovalRead), GET, "/api/v1/approvals", "List approvals", api::approvals::list),
        api::route(Key(ApprovalRead), GET, "/api/v1/approvals/{approval}", "Show an approval", api::approvals::show),
        api::route(Key(ApprovalApprove), POST, "/api/v1/approvals/{approval}/decision", "Decide an approval", api::approvals::decide),

        api::route(Key(BudgetRead), GET, "/api/v1/budgets", "Show all accounts", api::budgets::list),
        api::route(Key(BudgetRead), GET, "/api/v1/budgets/tenant", "Show the account of the tenant", api::budgets::show_tenant),
        api::route(Key(BudgetWrite), PUT, "/api/v1/budgets/tenant", "Set the limits of the tenant", api::budgets::set_tenant),
        api::route(Key(BudgetRead), GET, "/api/v1/budgets/workflows/{workflow}", "Show the account of a workflow", api::budgets::show_workflow),
        api::route(Key(BudgetWrite), PUT, "/api/v1/budgets/workflows/{workflow}", "Set the limits of a workflow", api::budgets::set_workflow),
        api::route(Key(BudgetWrite), POST, "/api/v1/holds/{hold}/confirmation", "Confirm a call in doubt", api::budgets::confirm),
        api::route(Key(BudgetWrite), POST, "/api/v1/holds/{hold}/release", "Release a call in doubt", api::budgets::release),

        api::route(Key(CredentialRead), GET, "/api/v1/credentials", "List credentials", api::credentials::list),
        api::route(Key(CredentialWrite), POST, "/api/v1/credentials", "Set a credential", api::credentials::create),
        api::route(Key(CredentialRead), GET, "/api/v1/credentials/{credential}", "Show the facts of a credential", api::credentials::show),
        api::route(Key(CredentialWrite), PUT, "/api/v1/credentials/{credential}", "Change where a credential may be sent", api::credentials::change),
        api::route(Key(CredentialWrite), DELETE, "/api/v1/credentials/{credential}", "Remove a credential", api::credentials::remove),
        api::route(Key(CredentialWrite), POST, "/api/v1/credentials/{credential}/replacement", "Replace the value of a credential", api::credentials::replace),
        api::route(Key(CredentialRead), GET, "/api/v1/credentials/{credential}/uses", "List the uses of a credential", api::credentials::uses),

        api::route(Key(VariableRead), GET, "/api/v1/variables", "List variables", api::variables::list),
        api::route(Key(VariableWrite), POST, "/api/v1/variables", "Set a variable", api::variables::create),
        api::route(Key(VariableRead), GET, "/api/v1/variables/{variable}", "Show a variable", api::variables::show),
        api::route(Key(VariableWrite), PUT, "/api/v1/variables/{variable}", "Change a variable", api::variables::change),
        api::route(Key(VariableWrite), DELETE, "/api/v1/variables/{variable}", "Remove a variable", api::variables::remove),

        api::route(Key(AgentRead), GET, "/api/v1/providers", "List providers", api::providers::list),
        api::route(Key(AgentWrite), POST, "/api/v1/providers", "Set up a provider", api::providers::add),
        api::route(Key(AgentRead), GET, "/api/v1/providers/{provider}", "Show a provider", api::providers::show),
        api::route(Key(AgentWrite), DELETE, "/api/v1/providers/{provider}", "Remove a provider", api::providers::remove),
        api::route(Key(AgentWrite), POST, "/api/v1/providers/{provider}/models", "Set up a model", api::providers::add_model),
        api::route(Key(AgentWrite), DELETE, "/api/v1/providers/{provider}/models/{model}", "Remove a model", api::providers::remove_model),
        api::route(Key(AgentWrite), PUT, "/api/v1/providers/{provider}/models/{model}/price", "Set the price of a model", api::providers::set_price),
        api::route(Key(AgentWrite), POST, "/api/v1/providers/{provider}/models/{model}/default", "Make a model the default", api::providers::make_default),

        api::route(Key(UserRead), GET, "/api/v1/members", "List members", api::members::list),
        api::route(Key(UserRead), GET, "/api/v1/members/{member}", "Show a member", api::members::show),
        api::route(Key(RoleWrite), PUT, "/api/v1/members/{member}/roles/{role}", "Give a member a role", api::members::give_role),
        api::route(Key(RoleWrite), DELETE, "/api/v1/members/{member}/roles/{role}", "Take a role from a member", api::members::take_role),
        api::route(Key(UserManage), POST, "/api/v1/members/{member}/disabling", "Disable a member", api::members::disable),
        api::route(Key(UserManage), POST, "/api/v1/members/{member}/enabling", "Enable a member", api::members::enable),
        api::route(Key(UserRead), GET, "/api/v1/invitations", "List invitations", api::members::list_invitations),
        api::route(Key(UserWrite), POST, "/api/v1/invitations", "Invite somebody", api::members::invite),
        api::route(Key(UserWrite), DELETE, "/api/v1/invitations/{invitation}", "Withdraw an invitation", api::members::withdraw),
        api::route(Key(UserWrite), POST, "/api/v1/invitations/{invitation}/resending", "Send an invitation again", api::members::resend),

        api::route(Key(AuditRead), GET, "/api/v1/audit", "Search the audit log", api::audit::list),
        api::route(Key(AuditRead), GET, "/api/v1/audit/state", "Tell the end of the audit chain", api::audit::state),
        api::route(Key(AuditExport), GET, "/api/v1/audit/export", "Export the audit log", api::audit::export),
    ]
}

/// What the table says of every route, in the order of paths and methods.
pub fn table() -> Vec<RouteInfo> {
    let mut table: Vec<RouteInfo> = routes().iter().map(|route| route.info().clone()).collect();
    table.sort_unstable();
    table
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_route_stands_in_the_table_twice() {
        let mut seen = HashSet::new();
        for info in table() {
            assert!(seen.insert((info.method, info.path)), "{} {}", info.method, info.path);
        }
    }

    #[test]
    fn a_route_is_for_members_exactly_when_its_path_names_a_tenant() {
        for info in table() {
            assert_eq!(info.path.starts_with("/t/{slug}"), info.access == "member", "{}", info.path);
            assert!(info.permission.is_some() == (info.access == "member") || info.access == "api", "{}", info.path);
        }
    }

    #[test]
    fn no_workflow_can_have_the_address_of_a_page() {
        for info in table() {
            let Some(rest) = info.path.strip_prefix("/t/{slug}/workflows/") else { continue };
            let word = rest.split('/').next().unwrap();
            assert!(word.starts_with('{') || platform::workflows::RESERVED.contains(&word), "{}", info.path);
        }
    }

    #[test]
    fn only_what_must_be_is_public() {
        let public: Vec<&str> = table().iter().filter(|info| info.access == "public").map(|info| info.path).collect();
        let known = [
            "/healthz",
            "/readyz",
            "/metrics",
            "/s/{file}",
            "/setup/{token}",
            "/sign-in",
            "/invitations/{token}",
            "/mailbox",
            "/mailbox/{id}",
            "/password-reset",
            "/password-reset/{token}",
            "/email-restorations/{token}",
            "/api/v1/openapi.json",
        ];
        for path in public {
            assert!(known.contains(&path), "{path}");
        }
    }

    #[test]
    fn what_changes_something_is_no_get() {
        for info in table() {
            let last = info.path.rsplit('/').next().unwrap();
            let is_act = [
                "grant",
                "withdrawal",
                "disabling",
                "enabling",
                "resending",
                "ending",
                "decision",
                "cancellation",
                "repetition",
                "pause",
                "continuation",
            ]
            .contains(&last);
            assert!(!is_act || info.method == "POST", "{} {}", info.method, info.path);
        }
    }
}
