-- The notice board: what was published, when it came off, and who caused it.
-- A publication is a legal fact: it is never changed nor deleted (L. 69/2009, art. 32).

-- One counter for each year: a number taken by a transaction that fails is given again.
CREATE TABLE repertorio (
    anno   BIGINT NOT NULL PRIMARY KEY,
    ultimo BIGINT NOT NULL CHECK (ultimo > 0)
);

CREATE TABLE pubblicazione (
    anno                    BIGINT NOT NULL,
    numero                  BIGINT NOT NULL,
    tipo_atto               TEXT NOT NULL,
    oggetto                 TEXT NOT NULL,
    numero_atto             TEXT NOT NULL,
    data_atto               TEXT NOT NULL,
    ufficio                 TEXT NOT NULL,
    protocollo_aoo          TEXT NOT NULL,
    protocollo_registro     TEXT NOT NULL,
    protocollo_anno         BIGINT NOT NULL,
    protocollo_numero       BIGINT NOT NULL,
    documento               TEXT NOT NULL,
    sha256                  BYTEA NOT NULL CHECK (length(sha256) = 32),
    dal                     TEXT NOT NULL,
    al                      TEXT NOT NULL CHECK (al >= dal),
    giorno_iniziale_incluso TEXT NOT NULL,
    giorni_interi           TEXT NOT NULL,
    base_giuridica          TEXT NOT NULL,
    chiave                  TEXT NOT NULL UNIQUE,
    media_type              TEXT NOT NULL,
    dimensione              BIGINT NOT NULL,
    pubblicata_il           BIGINT NOT NULL,
    PRIMARY KEY (anno, numero)
);

CREATE INDEX pubblicazione_al ON pubblicazione (al, anno, numero);

-- What happened to a publication after it went on the board.
CREATE TABLE evento (
    anno   BIGINT NOT NULL,
    numero BIGINT NOT NULL,
    tipo   TEXT NOT NULL CHECK (tipo IN ('SCADENZA')),
    at     BIGINT NOT NULL,
    PRIMARY KEY (anno, numero, tipo),
    FOREIGN KEY (anno, numero) REFERENCES pubblicazione (anno, numero)
);

-- What a client's key stands for, so that the same request has one effect.
CREATE TABLE idempotency (
    client_id TEXT NOT NULL,
    key       TEXT NOT NULL,
    digest    BYTEA NOT NULL,
    anno      BIGINT NOT NULL,
    numero    BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (client_id, key)
);

-- Which call, in the gateway's register of accesses, caused what.
CREATE TABLE audit_link (
    audit_id TEXT NOT NULL,
    entity   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (audit_id, entity)
);

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END;
$$;

CREATE TRIGGER pubblicazione_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pubblicazione
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE TRIGGER evento_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evento
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE TRIGGER idempotency_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON idempotency
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE TRIGGER audit_link_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_link
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
