-- What lists of runs are narrowed by, and who replaced the value of a credential.

create index run_of_starter on run (tenant_id, starter_label, number);
create index run_by_time on run (tenant_id, accepted_at, number);

-- Empty when the value is the first one, or was replaced before this was recorded. SQLite takes no key of two columns for
-- a table that is there: that it is a member is checked where it is written.
alter table credential add column replaced_by blob check (length(replaced_by) = 16);
