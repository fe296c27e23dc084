-- The registry, its history, and what gateways share.
CREATE TABLE entry (
    id      TEXT NOT NULL PRIMARY KEY,
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    state   TEXT NOT NULL,
    body    TEXT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX entry_version ON entry (version);
-- What has ended gives its name free, but for keys and certificates: their names are what they are.
CREATE UNIQUE INDEX entry_live ON entry (kind, name)
    WHERE state NOT IN ('ARCHIVED', 'REJECTED', 'REVOKED');
CREATE UNIQUE INDEX entry_for_good ON entry (kind, name) WHERE kind IN ('key', 'certificate');

CREATE TABLE event (
    epoch    BIGINT NOT NULL,
    seq      BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    operator TEXT NOT NULL,
    action   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    entry    TEXT NOT NULL,
    name     TEXT NOT NULL,
    state    TEXT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (epoch, seq)
);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE epoch (
    id     BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    ultimo BIGINT NOT NULL
);
INSERT INTO epoch (id, ultimo) VALUES (1, 0);

CREATE TABLE descriptor_set (
    hash  TEXT NOT NULL PRIMARY KEY,
    bytes BYTEA NOT NULL
);

-- What may be used once: assertions by client, proofs of possession by `dpop:` and their key.
CREATE TABLE spent (
    owner   TEXT NOT NULL,
    jti     TEXT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (owner, jti)
);
CREATE INDEX spent_expires ON spent (expires);

CREATE TABLE quota (
    subject TEXT NOT NULL,
    day     TEXT NOT NULL,
    ultimo  BIGINT NOT NULL,
    PRIMARY KEY (subject, day)
);
