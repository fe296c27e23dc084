-- The protocol register (DPR 445/2000 art. 50-57): numbers without gaps, rows that cannot change.

-- One row for each register and year. A number is taken in the transaction that uses it, so a
-- rollback gives it back; a database's own sequence would leave a gap.
CREATE TABLE contatore (
    aoo                  TEXT   NOT NULL,
    registro             TEXT   NOT NULL,
    anno                 BIGINT NOT NULL,
    ultimo               BIGINT NOT NULL CHECK (ultimo >= 0),
    ultima_registrazione BIGINT NOT NULL,
    catena               BYTEA  NOT NULL CHECK (length(catena) = 32),
    PRIMARY KEY (aoo, registro, anno)
);

CREATE TABLE registrazione (
    aoo                 TEXT    NOT NULL,
    registro            TEXT    NOT NULL,
    anno                BIGINT  NOT NULL,
    numero              BIGINT  NOT NULL CHECK (numero >= 1),
    registrata_il       BIGINT  NOT NULL,
    data                TEXT    NOT NULL CHECK (length(data) = 10),
    orologio_arretrato  BOOLEAN NOT NULL,
    flusso              TEXT    NOT NULL CHECK (flusso IN ('E', 'U', 'I')),
    segnatura           TEXT    NOT NULL,
    oggetto             TEXT    NOT NULL,
    documento           TEXT    NOT NULL,
    sha256              BYTEA   NOT NULL CHECK (length(sha256) = 32),
    descrizione         TEXT,
    canale              TEXT,
    protocollo_mittente TEXT,
    client_id           TEXT    NOT NULL,
    consumer_id         TEXT    NOT NULL,
    catena              BYTEA   NOT NULL CHECK (length(catena) = 32),
    UNIQUE (aoo, registro, anno, numero),
    FOREIGN KEY (aoo, registro, anno) REFERENCES contatore (aoo, registro, anno)
);

CREATE TABLE soggetto (
    aoo            TEXT   NOT NULL,
    registro       TEXT   NOT NULL,
    anno           BIGINT NOT NULL,
    numero         BIGINT NOT NULL,
    ruolo          TEXT   NOT NULL CHECK (ruolo IN ('mittente', 'destinatario')),
    posizione      BIGINT NOT NULL CHECK (posizione >= 1),
    tipo           TEXT   NOT NULL CHECK (tipo IN ('PF', 'PG', 'PA')),
    nome           TEXT,
    cognome        TEXT,
    denominazione  TEXT,
    codice_fiscale TEXT,
    codice_ipa     TEXT,
    codice_uo      TEXT,
    PRIMARY KEY (aoo, registro, anno, numero, ruolo, posizione),
    FOREIGN KEY (aoo, registro, anno, numero)
        REFERENCES registrazione (aoo, registro, anno, numero)
);

CREATE TABLE allegato (
    aoo         TEXT   NOT NULL,
    registro    TEXT   NOT NULL,
    anno        BIGINT NOT NULL,
    numero      BIGINT NOT NULL,
    posizione   BIGINT NOT NULL CHECK (posizione >= 1),
    documento   TEXT   NOT NULL,
    sha256      BYTEA  NOT NULL CHECK (length(sha256) = 32),
    descrizione TEXT,
    PRIMARY KEY (aoo, registro, anno, numero, posizione),
    FOREIGN KEY (aoo, registro, anno, numero)
        REFERENCES registrazione (aoo, registro, anno, numero)
);

-- The two items that may change, each change a row of its own: the last one is in force
-- (AgID guidelines §3.1.5).
CREATE TABLE classificazione (
    aoo         TEXT   NOT NULL,
    registro    TEXT   NOT NULL,
    anno        BIGINT NOT NULL,
    numero      BIGINT NOT NULL,
    progressivo BIGINT NOT NULL CHECK (progressivo >= 1),
    titolario   TEXT   NOT NULL,
    classe      TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    dal         BIGINT NOT NULL,
    PRIMARY KEY (aoo, registro, anno, numero, progressivo),
    FOREIGN KEY (aoo, registro, anno, numero)
        REFERENCES registrazione (aoo, registro, anno, numero)
);

CREATE TABLE assegnazione (
    aoo         TEXT   NOT NULL,
    registro    TEXT   NOT NULL,
    anno        BIGINT NOT NULL,
    numero      BIGINT NOT NULL,
    progressivo BIGINT NOT NULL CHECK (progressivo >= 1),
    ufficio     TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    dal         BIGINT NOT NULL,
    PRIMARY KEY (aoo, registro, anno, numero, progressivo),
    FOREIGN KEY (aoo, registro, anno, numero)
        REFERENCES registrazione (aoo, registro, anno, numero)
);

-- Which call of the gateway's log made which registration.
CREATE TABLE audit_link (
    audit_id TEXT   NOT NULL,
    entity   TEXT   NOT NULL,
    at       BIGINT NOT NULL
);

CREATE INDEX audit_link_audit_id ON audit_link (audit_id);

-- Which registration a client's key stands for.
CREATE TABLE idempotency (
    client_id TEXT   NOT NULL,
    key       TEXT   NOT NULL,
    digest    BYTEA  NOT NULL CHECK (length(digest) = 32),
    answer    TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (client_id, key)
);

-- A counter never goes back, never skips and never goes away.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% refuses this change', TG_TABLE_NAME; END $$;

CREATE TRIGGER contatore_in_order BEFORE UPDATE ON contatore FOR EACH ROW
WHEN (NEW.aoo <> OLD.aoo OR NEW.registro <> OLD.registro OR NEW.anno <> OLD.anno
    OR NEW.ultimo NOT IN (OLD.ultimo, OLD.ultimo + 1)
    OR NEW.ultima_registrazione < OLD.ultima_registrazione)
EXECUTE FUNCTION refuse_change();

CREATE TRIGGER contatore_no_delete BEFORE DELETE ON contatore
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER contatore_no_truncate BEFORE TRUNCATE ON contatore
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What is registered cannot be altered (DPR 445/2000 art. 53 and 54).
CREATE TRIGGER registrazione_no_change BEFORE UPDATE OR DELETE ON registrazione
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER registrazione_no_truncate BEFORE TRUNCATE ON registrazione
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER soggetto_no_change BEFORE UPDATE OR DELETE ON soggetto
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER soggetto_no_truncate BEFORE TRUNCATE ON soggetto
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER allegato_no_change BEFORE UPDATE OR DELETE ON allegato
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER allegato_no_truncate BEFORE TRUNCATE ON allegato
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER classificazione_no_change BEFORE UPDATE OR DELETE ON classificazione
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER classificazione_no_truncate BEFORE TRUNCATE ON classificazione
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER assegnazione_no_change BEFORE UPDATE OR DELETE ON assegnazione
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER assegnazione_no_truncate BEFORE TRUNCATE ON assegnazione
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER audit_link_no_change BEFORE UPDATE OR DELETE ON audit_link
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER audit_link_no_truncate BEFORE TRUNCATE ON audit_link
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
