-- The registry, its history, and what gateways share.
CREATE TABLE entry (
    id      TEXT NOT NULL PRIMARY KEY,
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    state   TEXT NOT NULL,
    body    TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX entry_version ON entry (version);
-- What has ended gives its name free, but for keys and certificates: their names are what they are.
CREATE UNIQUE INDEX entry_live ON entry (kind, name)
    WHERE state NOT IN ('ARCHIVED', 'REJECTED', 'REVOKED');
CREATE UNIQUE INDEX entry_for_good ON entry (kind, name) WHERE kind IN ('key', 'certificate');

CREATE TABLE event (
    epoch    INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    operator TEXT NOT NULL,
    action   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    entry    TEXT NOT NULL,
    name     TEXT NOT NULL,
    state    TEXT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (epoch, seq)
) STRICT;
CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TABLE epoch (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    ultimo INTEGER NOT NULL
) STRICT;
INSERT INTO epoch (id, ultimo) VALUES (1, 0);

CREATE TABLE descriptor_set (
    hash  TEXT NOT NULL PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- What may be used once: assertions by client, proofs of possession by `dpop:` and their key.
CREATE TABLE spent (
    owner   TEXT NOT NULL,
    jti     TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (owner, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_expires ON spent (expires);

CREATE TABLE quota (
    subject TEXT NOT NULL,
    day     TEXT NOT NULL,
    ultimo  INTEGER NOT NULL,
    PRIMARY KEY (subject, day)
) STRICT;
