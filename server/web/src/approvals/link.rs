//! The link in a mail. It names a request and no person: whoever follows it signs in, and only its addressee gets further.

use crate::route::{Account, Answer, Path};

/// `GET /a/{token}`: on to the page of the decision. Changes nothing, however often it is followed.
pub(crate) async fn follow(account: Account, Path(token): Path<String>) -> Answer {
    let (slug, approval) = account.platform().follow_link(account.session().person().session.person, &token).await?;
    Ok(account.visit().see_other(&format!("/t/{slug}/approvals/{approval}?by=mail")))
}
