-- The registry, its history, and what gateways share.
CREATE TABLE entry (
    id    TEXT NOT NULL PRIMARY KEY,
    kind  TEXT NOT NULL,
    name  TEXT NOT NULL,
    state TEXT NOT NULL,
    body  TEXT NOT NULL,
    UNIQUE (kind, name)
) STRICT;

CREATE TABLE event (
    epoch    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    operator TEXT NOT NULL,
    action   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    entry    TEXT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (epoch, entry)
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
