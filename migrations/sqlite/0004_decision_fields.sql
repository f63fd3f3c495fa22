-- What each approver filled in: a JSON object, empty when nothing was asked for.

alter table approval_decision add column fields text;
