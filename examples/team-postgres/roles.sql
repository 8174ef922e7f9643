-- Who may do what with one state. Run by the owner of its schema, once it is made and after each new version's tables:
--   psql "$RECONCILER_STATE" -v schema=reconciler_3f2b... -f roles.sql
-- The roles and their passwords are made before, by whoever administers the server:
--   create role planner login; create role runner login;   then \password planner, \password runner

grant usage on schema :"schema" to planner, runner;
grant select on all tables in schema :"schema" to planner;
grant select, insert, update, delete on all tables in schema :"schema" to runner;
