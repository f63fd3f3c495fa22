-- What lists of runs are narrowed by, and who replaced the value of a credential.

create index run_of_starter on run (tenant_id, starter_label, number);
create index run_by_time on run (tenant_id, accepted_at, number);

alter table credential
    add column replaced_by uuid,
    add constraint a_credential_is_replaced_by_a_member
        foreign key (tenant_id, replaced_by) references membership (tenant_id, person_id);
comment on column credential.replaced_by is 'Empty when the value is the first one, or was replaced before this was recorded.';
