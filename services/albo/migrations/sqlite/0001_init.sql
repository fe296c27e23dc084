-- The notice board: what was published, when it came off, and who caused it.
-- A publication is a legal fact: it is never changed nor deleted (L. 69/2009, art. 32).

-- One counter for each year: a number taken by a transaction that fails is given again.
CREATE TABLE repertorio (
    anno   INTEGER NOT NULL PRIMARY KEY,
    ultimo INTEGER NOT NULL CHECK (ultimo > 0)
) STRICT;

CREATE TABLE pubblicazione (
    anno                    INTEGER NOT NULL,
    numero                  INTEGER NOT NULL,
    tipo_atto               TEXT NOT NULL,
    oggetto                 TEXT NOT NULL,
    numero_atto             TEXT NOT NULL,
    data_atto               TEXT NOT NULL,
    ufficio                 TEXT NOT NULL,
    protocollo_aoo          TEXT NOT NULL,
    protocollo_registro     TEXT NOT NULL,
    protocollo_anno         INTEGER NOT NULL,
    protocollo_numero       INTEGER NOT NULL,
    documento               TEXT NOT NULL,
    sha256                  BLOB NOT NULL CHECK (length(sha256) = 32),
    dal                     TEXT NOT NULL,
    al                      TEXT NOT NULL CHECK (al >= dal),
    giorno_iniziale_incluso TEXT NOT NULL,
    giorni_interi           TEXT NOT NULL,
    base_giuridica          TEXT NOT NULL,
    chiave                  TEXT NOT NULL UNIQUE,
    media_type              TEXT NOT NULL,
    dimensione              INTEGER NOT NULL,
    pubblicata_il           INTEGER NOT NULL,
    PRIMARY KEY (anno, numero)
) STRICT;

CREATE INDEX pubblicazione_al ON pubblicazione (al, anno, numero);

-- What happened to a publication after it went on the board.
CREATE TABLE evento (
    anno   INTEGER NOT NULL,
    numero INTEGER NOT NULL,
    tipo   TEXT NOT NULL CHECK (tipo IN ('SCADENZA')),
    at     INTEGER NOT NULL,
    PRIMARY KEY (anno, numero, tipo),
    FOREIGN KEY (anno, numero) REFERENCES pubblicazione (anno, numero)
) STRICT;

-- What a client's key stands for, so that the same request has one effect.
CREATE TABLE idempotency (
    client_id TEXT NOT NULL,
    key       TEXT NOT NULL,
    digest    BLOB NOT NULL,
    anno      INTEGER NOT NULL,
    numero    INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (client_id, key)
) STRICT;

-- Which call, in the gateway's register of accesses, caused what.
CREATE TABLE audit_link (
    audit_id TEXT NOT NULL,
    entity   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (audit_id, entity)
) STRICT;

CREATE TRIGGER pubblicazione_no_update BEFORE UPDATE ON pubblicazione
BEGIN
    SELECT RAISE(ABORT, 'pubblicazione is append-only');
END;

CREATE TRIGGER pubblicazione_no_delete BEFORE DELETE ON pubblicazione
BEGIN
    SELECT RAISE(ABORT, 'pubblicazione is append-only');
END;

CREATE TRIGGER evento_no_update BEFORE UPDATE ON evento
BEGIN
    SELECT RAISE(ABORT, 'evento is append-only');
END;

CREATE TRIGGER evento_no_delete BEFORE DELETE ON evento
BEGIN
    SELECT RAISE(ABORT, 'evento is append-only');
END;

CREATE TRIGGER idempotency_no_update BEFORE UPDATE ON idempotency
BEGIN
    SELECT RAISE(ABORT, 'idempotency is append-only');
END;

CREATE TRIGGER idempotency_no_delete BEFORE DELETE ON idempotency
BEGIN
    SELECT RAISE(ABORT, 'idempotency is append-only');
END;

CREATE TRIGGER audit_link_no_update BEFORE UPDATE ON audit_link
BEGIN
    SELECT RAISE(ABORT, 'audit_link is append-only');
END;

CREATE TRIGGER audit_link_no_delete BEFORE DELETE ON audit_link
BEGIN
    SELECT RAISE(ABORT, 'audit_link is append-only');
END;
