-- What each approver filled in.

alter table approval_decision add column fields text collate "C";
comment on column approval_decision.fields is 'A JSON object, empty when nothing was asked for.';
