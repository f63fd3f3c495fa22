//! The table of routes: one line each, and no other way to be one.
//!
//! [`table`] lists it, for tests that print it into a committed file: a change of who may is then a visible diff.

use domain::permission::{
    AgentRead, AgentWrite, ApprovalApprove, ApprovalRead, AuditExport, AuditRead, BudgetRead, BudgetWrite, CredentialRead, CredentialWrite,
    RoleWrite, RunCancel, RunRead, UserManage, UserRead, UserWrite, VariableRead, VariableWrite, WorkflowDelete, WorkflowExecute,
    WorkflowRead, WorkflowWrite,
};

use crate::{
    account, approvals, assets, audit, budgets, credentials, health, home, invitations, mailbox, members, providers,
    route::{Member, Method, Public, Route, RouteInfo, SignedIn, route},
    runs, setup, sign_in, tenants, variables, workflows,
};

const GET: Method = Method::GET;
const POST: Method = Method::POST;

/// Every route.
#[rustfmt::skip]
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route(Public, GET, "/healthz", health::live),
        route(Public, GET, "/readyz", health::ready),
        route(Public, GET, "/s/{file}", assets::file),

        route(Public, GET, "/setup/{token}", setup::form),
        route(Public, POST, "/setup/{token}", setup::set_up),
        route(Public, GET, "/sign-in", sign_in::form),
        route(Public, POST, "/sign-in", sign_in::sign_in),
        route(SignedIn, POST, "/sign-out", sign_in::sign_out),
        route(Public, GET, "/invitations/{token}", invitations::form),
        route(Public, POST, "/invitations/{token}", invitations::accept),
        route(Public, GET, "/mailbox", mailbox::list),
        route(Public, GET, "/mailbox/{id}", mailbox::mail),

        route(SignedIn, GET, "/", tenants::front_door),
        route(SignedIn, GET, "/go/{tenant}", tenants::go),
        route(SignedIn, GET, "/account", account::page),
        route(SignedIn, POST, "/account/password", account::change_password),
        route(SignedIn, POST, "/account/theme", account::choose_theme),
        route(SignedIn, POST, "/account/sessions/ending", account::end_other_sessions),
        route(SignedIn, POST, "/account/sessions/{id}/ending", account::end_session),

        route(SignedIn, GET, "/a/{token}", approvals::link::follow),

        route(Member(RunRead), GET, "/t/{slug}", home::page),

        route(Member(WorkflowRead), GET, "/t/{slug}/workflows", workflows::list),
        route(Member(WorkflowWrite), POST, "/t/{slug}/workflows", workflows::new::save),
        route(Member(WorkflowWrite), GET, "/t/{slug}/workflows/new", workflows::new::form),
        route(Member(WorkflowWrite), POST, "/t/{slug}/workflows/checks", workflows::new::check),
        route(Member(WorkflowRead), GET, "/t/{slug}/workflows/{workflow}", workflows::workflow),
        route(Member(WorkflowDelete), POST, "/t/{slug}/workflows/{workflow}/removal", workflows::remove),
        route(Member(WorkflowExecute), POST, "/t/{slug}/workflows/{workflow}/runs", workflows::start::start),
        route(Member(WorkflowExecute), GET, "/t/{slug}/workflows/{workflow}/runs/new", workflows::start::form),
        route(Member(WorkflowRead), GET, "/t/{slug}/workflows/{workflow}/versions/{number}", workflows::version),

        route(Member(RunRead), GET, "/t/{slug}/runs", runs::list),
        route(Member(RunRead), GET, "/t/{slug}/runs/{id}", runs::show::run),
        route(Member(RunRead), GET, "/t/{slug}/runs/{id}/live", runs::live::live),
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
        route(Member(UserWrite), POST, "/t/{slug}/invitations", invitations::invite),
        route(Member(UserWrite), POST, "/t/{slug}/invitations/{id}/resending", invitations::resend),
        route(Member(UserWrite), POST, "/t/{slug}/invitations/{id}/withdrawal", invitations::withdraw),

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
        route(Member(AuditExport), GET, "/t/{slug}/audit/export.jsonl", audit::export),
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
            assert_eq!(info.permission.is_some(), info.access == "member", "{}", info.path);
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
        let known = ["/healthz", "/readyz", "/s/{file}", "/setup/{token}", "/sign-in", "/invitations/{token}", "/mailbox", "/mailbox/{id}"];
        for path in public {
            assert!(known.contains(&path), "{path}");
        }
    }

    #[test]
    fn what_changes_something_is_no_get() {
        for info in table() {
            let last = info.path.rsplit('/').next().unwrap();
            let is_act =
                ["grant", "withdrawal", "disabling", "enabling", "resending", "ending", "decision", "cancellation"].contains(&last);
            assert!(!is_act || info.method == "POST", "{} {}", info.method, info.path);
        }
    }
}
