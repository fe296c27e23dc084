-- Which gateway's register holds the call, what was called, and whether the change stood already:
-- what the gateway needs to compare its register with this one.
ALTER TABLE audit_link ADD COLUMN instance TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_link ADD COLUMN method TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_link ADD COLUMN replayed INTEGER NOT NULL DEFAULT 0 CHECK (replayed IN (0, 1));

CREATE INDEX audit_link_at ON audit_link (at, audit_id);
