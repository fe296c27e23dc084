-- The register of accesses: leaves, the tree over them, its signed head.
CREATE TABLE log (
    origin   TEXT NOT NULL PRIMARY KEY,
    instance TEXT NOT NULL,
    vkey     TEXT NOT NULL,
    created  INTEGER NOT NULL
) STRICT;

CREATE TABLE entry (
    origin     TEXT NOT NULL REFERENCES log (origin),
    idx        INTEGER NOT NULL,
    audit_id   BLOB NOT NULL,
    kind       INTEGER NOT NULL,
    trace_id   BLOB NOT NULL,
    client_id  TEXT NOT NULL,
    purpose_id TEXT NOT NULL,
    method     TEXT NOT NULL,
    body       BLOB NOT NULL,
    leaf       BLOB NOT NULL,
    PRIMARY KEY (origin, idx)
) STRICT;
CREATE INDEX entry_audit_id ON entry (audit_id);
CREATE INDEX entry_trace_id ON entry (trace_id);
CREATE INDEX entry_intent ON entry (origin, idx) WHERE kind = 1;
CREATE INDEX entry_start ON entry (origin, idx) WHERE kind = 15;
CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;

CREATE TABLE tile (
    origin TEXT NOT NULL REFERENCES log (origin),
    level  INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    data   BLOB NOT NULL,
    PRIMARY KEY (origin, level, idx)
) STRICT;

CREATE TABLE head (
    origin TEXT NOT NULL PRIMARY KEY REFERENCES log (origin),
    size   INTEGER NOT NULL,
    root   BLOB NOT NULL,
    note   TEXT NOT NULL
) STRICT;
