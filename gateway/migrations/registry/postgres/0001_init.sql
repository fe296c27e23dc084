-- The registry, its history, and what gateways share.
CREATE TABLE entry (
    id    TEXT NOT NULL PRIMARY KEY,
    kind  TEXT NOT NULL,
    name  TEXT NOT NULL,
    state TEXT NOT NULL,
    body  TEXT NOT NULL,
    UNIQUE (kind, name)
);

CREATE TABLE event (
    epoch    BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    operator TEXT NOT NULL,
    action   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    entry    TEXT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (epoch, entry)
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
