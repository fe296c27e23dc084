-- The documents of the comune and what is said of them (AgID guidelines, Allegato 5).
-- The bytes themselves stand on disk, under their SHA-256.

CREATE TABLE documento (
    id                     TEXT    NOT NULL PRIMARY KEY,
    versione               INTEGER NOT NULL CHECK (versione >= 1),
    sha256                 BLOB    NOT NULL CHECK (length(sha256) = 32),
    dimensione             INTEGER NOT NULL CHECK (dimensione >= 1),
    nome                   TEXT    NOT NULL,
    media_type             TEXT    NOT NULL,
    -- Format of Allegato 2 as found in the bytes; NULL until somebody has looked.
    identificativo_formato TEXT,
    tipologia              TEXT    NOT NULL,
    modalita_formazione    TEXT    NOT NULL CHECK (modalita_formazione IN ('a', 'b', 'c', 'd')),
    oggetto                TEXT,
    riservato              INTEGER NOT NULL DEFAULT 0 CHECK (riservato IN (0, 1)),
    -- Years; 9999 is for ever; NULL until the conservation plan has spoken.
    tempo_conservazione    INTEGER CHECK (tempo_conservazione BETWEEN 1 AND 9999),
    client_id              TEXT    NOT NULL,
    consumer_id            TEXT    NOT NULL,
    formato_il             INTEGER NOT NULL
) STRICT;

CREATE INDEX documento_sha256 ON documento (sha256);

-- Which call of the gateway's log made which document.
CREATE TABLE audit_link (
    audit_id TEXT    NOT NULL,
    entity   TEXT    NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

CREATE INDEX audit_link_audit_id ON audit_link (audit_id);

-- Which document a client's key stands for.
CREATE TABLE idempotency (
    client_id TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),
    answer    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (client_id, key)
) STRICT;

-- A document that is formed does not change (CAD art. 20, AgID guidelines ch. 2).
CREATE TRIGGER documento_no_update BEFORE UPDATE ON documento
BEGIN SELECT RAISE(ABORT, 'documento is append-only'); END;

CREATE TRIGGER documento_no_delete BEFORE DELETE ON documento
BEGIN SELECT RAISE(ABORT, 'documento is append-only'); END;

CREATE TRIGGER audit_link_no_update BEFORE UPDATE ON audit_link
BEGIN SELECT RAISE(ABORT, 'audit_link is append-only'); END;

CREATE TRIGGER audit_link_no_delete BEFORE DELETE ON audit_link
BEGIN SELECT RAISE(ABORT, 'audit_link is append-only'); END;
