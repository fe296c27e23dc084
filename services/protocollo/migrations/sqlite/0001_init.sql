-- The protocol register (DPR 445/2000 art. 50-57): numbers without gaps, rows that cannot change.

-- One row for each register and year. A number is taken in the transaction that uses it, so a
-- rollback gives it back; a database's own sequence would leave a gap.
CREATE TABLE contatore (
    aoo                  TEXT    NOT NULL,
    registro             TEXT    NOT NULL,
    anno                 INTEGER NOT NULL,
    ultimo               INTEGER NOT NULL CHECK (ultimo >= 0),
    ultima_registrazione INTEGER NOT NULL,
    catena               BLOB    NOT NULL CHECK (length(catena) = 32),
    PRIMARY KEY (aoo, registro, anno)
) STRICT;

CREATE TABLE registrazione (
    aoo                 TEXT    NOT NULL,
    registro            TEXT    NOT NULL,
    anno                INTEGER NOT NULL,
    numero              INTEGER NOT NULL CHECK (numero >= 1),
    registrata_il       INTEGER NOT NULL,
    data                TEXT    NOT NULL CHECK (length(data) = 10),
    orologio_arretrato  INTEGER NOT NULL CHECK (orologio_arretrato IN (0, 1)),
    flusso              TEXT    NOT NULL CHECK (flusso IN ('E', 'U', 'I')),
    segnatura           TEXT    NOT NULL,
    oggetto             TEXT    NOT NULL,
    documento           TEXT    NOT NULL,
    sha256              BLOB    NOT NULL CHECK (length(sha256) = 32),
    descrizione         TEXT,
    canale              TEXT,
    protocollo_mittente TEXT,
    client_id           TEXT    NOT NULL,
    consumer_id         TEXT    NOT NULL,
    catena              BLOB    NOT NULL CHECK (length(catena) = 32),
    UNIQUE (aoo, registro, anno, numero),
    FOREIGN KEY (aoo, registro, anno) REFERENCES contatore (aoo, registro, anno)
) STRICT;

CREATE TABLE soggetto (
    aoo            TEXT    NOT NULL,
    registro       TEXT    NOT NULL,
    anno           INTEGER NOT NULL,
    numero         INTEGER NOT NULL,
    ruolo          TEXT    NOT NULL CHECK (ruolo IN ('mittente', 'destinatario')),
    posizione      INTEGER NOT NULL CHECK (posizione >= 1),
    tipo           TEXT    NOT NULL CHECK (tipo IN ('PF', 'PG', 'PA')),
    nome           TEXT,
    cognome        TEXT,
    denominazione  TEXT,
    codice_fiscale TEXT,
    codice_ipa     TEXT,
    codice_uo      TEXT,
    PRIMARY KEY (aoo, registro, anno, numero, ruolo, posizione),
    FOREIGN KEY (aoo, registro, anno, numero)
        REFERENCES registrazione (aoo, registro, anno, numero)
) STRICT;

CREATE TABLE allegato (
    aoo         TEXT    NOT NULL,
    registro    TEXT    NOT NULL,
    anno        INTEGER NOT NULL,
    numero      INTEGER NOT NULL,
    posizione   INTEGER NOT NULL CHECK (posizione >= 1),
    documento   TEXT    NOT NULL,
    sha256      BLOB    NOT NULL CHECK (length(sha256) = 32),
    descrizione TEXT,
    PRIMARY KEY (aoo, registro, anno, numero, posizione),
    FOREIGN KEY (aoo, registro, anno, numero)
        REFERENCES registrazione (aoo, registro, anno, numero)
) STRICT;

-- The two items that may change, each change a row of its own: the last one is in force
-- (AgID guidelines §3.1.5).
CREATE TABLE classificazione (
    aoo         TEXT    NOT NULL,
    registro    TEXT    NOT NULL,
    anno        INTEGER NOT NULL,
    numero      INTEGER NOT NULL,
    progressivo INTEGER NOT NULL CHECK (progressivo >= 1),
    titolario   TEXT    NOT NULL,
    classe      TEXT    NOT NULL,
    client_id   TEXT    NOT NULL,
    dal         INTEGER NOT NULL,
    PRIMARY KEY (aoo, registro, anno, numero, progressivo),
    FOREIGN KEY (aoo, registro, anno, numero)
        REFERENCES registrazione (aoo, registro, anno, numero)
) STRICT;

CREATE TABLE assegnazione (
    aoo         TEXT    NOT NULL,
    registro    TEXT    NOT NULL,
    anno        INTEGER NOT NULL,
    numero      INTEGER NOT NULL,
    progressivo INTEGER NOT NULL CHECK (progressivo >= 1),
    ufficio     TEXT    NOT NULL,
    client_id   TEXT    NOT NULL,
    dal         INTEGER NOT NULL,
    PRIMARY KEY (aoo, registro, anno, numero, progressivo),
    FOREIGN KEY (aoo, registro, anno, numero)
        REFERENCES registrazione (aoo, registro, anno, numero)
) STRICT;

-- Which call of the gateway's log made which registration.
CREATE TABLE audit_link (
    audit_id TEXT    NOT NULL,
    entity   TEXT    NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

CREATE INDEX audit_link_audit_id ON audit_link (audit_id);

-- Which registration a client's key stands for.
CREATE TABLE idempotency (
    client_id TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),
    answer    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (client_id, key)
) STRICT;

-- A counter never goes back, never skips and never goes away.
CREATE TRIGGER contatore_in_order BEFORE UPDATE ON contatore
WHEN NEW.aoo <> OLD.aoo OR NEW.registro <> OLD.registro OR NEW.anno <> OLD.anno
    OR NEW.ultimo NOT IN (OLD.ultimo, OLD.ultimo + 1)
    OR NEW.ultima_registrazione < OLD.ultima_registrazione
BEGIN SELECT RAISE(ABORT, 'contatore only goes forward'); END;

CREATE TRIGGER contatore_no_delete BEFORE DELETE ON contatore
BEGIN SELECT RAISE(ABORT, 'contatore only goes forward'); END;

-- What is registered cannot be altered (DPR 445/2000 art. 53 and 54).
CREATE TRIGGER registrazione_no_update BEFORE UPDATE ON registrazione
BEGIN SELECT RAISE(ABORT, 'registrazione is append-only'); END;

CREATE TRIGGER registrazione_no_delete BEFORE DELETE ON registrazione
BEGIN SELECT RAISE(ABORT, 'registrazione is append-only'); END;

CREATE TRIGGER soggetto_no_update BEFORE UPDATE ON soggetto
BEGIN SELECT RAISE(ABORT, 'soggetto is append-only'); END;

CREATE TRIGGER soggetto_no_delete BEFORE DELETE ON soggetto
BEGIN SELECT RAISE(ABORT, 'soggetto is append-only'); END;

CREATE TRIGGER allegato_no_update BEFORE UPDATE ON allegato
BEGIN SELECT RAISE(ABORT, 'allegato is append-only'); END;

CREATE TRIGGER allegato_no_delete BEFORE DELETE ON allegato
BEGIN SELECT RAISE(ABORT, 'allegato is append-only'); END;

CREATE TRIGGER classificazione_no_update BEFORE UPDATE ON classificazione
BEGIN SELECT RAISE(ABORT, 'classificazione is append-only'); END;

CREATE TRIGGER classificazione_no_delete BEFORE DELETE ON classificazione
BEGIN SELECT RAISE(ABORT, 'classificazione is append-only'); END;

CREATE TRIGGER assegnazione_no_update BEFORE UPDATE ON assegnazione
BEGIN SELECT RAISE(ABORT, 'assegnazione is append-only'); END;

CREATE TRIGGER assegnazione_no_delete BEFORE DELETE ON assegnazione
BEGIN SELECT RAISE(ABORT, 'assegnazione is append-only'); END;

CREATE TRIGGER audit_link_no_update BEFORE UPDATE ON audit_link
BEGIN SELECT RAISE(ABORT, 'audit_link is append-only'); END;

CREATE TRIGGER audit_link_no_delete BEFORE DELETE ON audit_link
BEGIN SELECT RAISE(ABORT, 'audit_link is append-only'); END;
