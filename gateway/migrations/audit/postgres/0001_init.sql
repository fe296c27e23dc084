-- The register of accesses: leaves, the tree over them, its signed head.
CREATE TABLE log (
    origin   TEXT NOT NULL PRIMARY KEY,
    instance TEXT NOT NULL,
    vkey     TEXT NOT NULL,
    created  BIGINT NOT NULL
);

CREATE TABLE entry (
    origin     TEXT NOT NULL REFERENCES log (origin),
    idx        BIGINT NOT NULL,
    audit_id   BYTEA NOT NULL,
    kind       BIGINT NOT NULL,
    trace_id   BYTEA NOT NULL,
    client_id  TEXT NOT NULL,
    purpose_id TEXT NOT NULL,
    method     TEXT NOT NULL,
    body       BYTEA NOT NULL,
    leaf       BYTEA NOT NULL,
    PRIMARY KEY (origin, idx)
);
CREATE INDEX entry_audit_id ON entry (audit_id);
CREATE INDEX entry_trace_id ON entry (trace_id);
CREATE INDEX entry_intent ON entry (origin, idx) WHERE kind = 1;
CREATE INDEX entry_start ON entry (origin, idx) WHERE kind = 15;
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'records are append-only'; END $$;
CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON entry
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE tile (
    origin TEXT NOT NULL REFERENCES log (origin),
    level  BIGINT NOT NULL,
    idx    BIGINT NOT NULL,
    data   BYTEA NOT NULL,
    PRIMARY KEY (origin, level, idx)
);

CREATE TABLE head (
    origin TEXT NOT NULL PRIMARY KEY REFERENCES log (origin),
    size   BIGINT NOT NULL,
    root   BYTEA NOT NULL,
    note   TEXT NOT NULL
);
