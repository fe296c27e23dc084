-- The registry of residents, in two times: `dal` and `al` are the days of the world, half open;
-- `recorded_at` and `superseded_at` say from when to when the registry believed the row.
-- A correction supersedes a row and records another: what was believed then stays readable.

-- Who is known at all; everything else hangs on it.
CREATE TABLE persona (
    id          TEXT NOT NULL PRIMARY KEY,
    recorded_at INTEGER NOT NULL
) STRICT;

CREATE TABLE generalita (
    persona       TEXT NOT NULL REFERENCES persona (id),
    cognome       TEXT NOT NULL,
    nome          TEXT NOT NULL,
    sesso         TEXT NOT NULL CHECK (sesso IN ('F', 'M')),
    data_nascita  TEXT NOT NULL,
    luogo_nascita TEXT NOT NULL,
    iscritta_dal  TEXT NOT NULL,
    decesso       TEXT,
    recorded_at   INTEGER NOT NULL,
    superseded_at INTEGER,
    PRIMARY KEY (persona, recorded_at)
) STRICT;

-- A person may have several codes over a life, none of which becomes another's.
CREATE TABLE codice_fiscale (
    codice        TEXT NOT NULL,
    persona       TEXT NOT NULL REFERENCES persona (id),
    dal           TEXT NOT NULL,
    al            TEXT CHECK (al > dal),
    recorded_at   INTEGER NOT NULL,
    superseded_at INTEGER,
    PRIMARY KEY (codice, recorded_at)
) STRICT;

CREATE UNIQUE INDEX codice_fiscale_of_one ON codice_fiscale (codice)
    WHERE superseded_at IS NULL;
CREATE INDEX codice_fiscale_persona ON codice_fiscale (persona);

CREATE TABLE residenza (
    persona         TEXT NOT NULL REFERENCES persona (id),
    dal             TEXT NOT NULL,
    al              TEXT CHECK (al > dal),
    specie          TEXT NOT NULL,
    denominazione   TEXT NOT NULL,
    codice_toponimo INTEGER,
    civico          INTEGER,
    esponente       TEXT,
    interno         TEXT,
    cap             TEXT,
    stato           TEXT NOT NULL CHECK (stato IN ('CON_RISERVA', 'DEFINITIVA')),
    procedimento    TEXT,
    recorded_at     INTEGER NOT NULL,
    superseded_at   INTEGER,
    PRIMARY KEY (persona, dal, recorded_at)
) STRICT;

CREATE UNIQUE INDEX residenza_one_open ON residenza (persona)
    WHERE al IS NULL AND superseded_at IS NULL;

CREATE TABLE famiglia (
    id          TEXT NOT NULL PRIMARY KEY,
    recorded_at INTEGER NOT NULL
) STRICT;

CREATE TABLE componente (
    famiglia      TEXT NOT NULL REFERENCES famiglia (id),
    persona       TEXT NOT NULL REFERENCES persona (id),
    parentela     INTEGER NOT NULL,
    dal           TEXT NOT NULL,
    al            TEXT CHECK (al > dal),
    recorded_at   INTEGER NOT NULL,
    superseded_at INTEGER,
    PRIMARY KEY (persona, dal, recorded_at)
) STRICT;

CREATE INDEX componente_famiglia ON componente (famiglia);
CREATE UNIQUE INDEX componente_one_open ON componente (persona)
    WHERE al IS NULL AND superseded_at IS NULL;

-- Nothing is deleted, and of a row only the end of its being believed is written, once.

CREATE TRIGGER persona_no_delete BEFORE DELETE ON persona
BEGIN
    SELECT RAISE(ABORT, 'persona is append-only');
END;

CREATE TRIGGER famiglia_no_delete BEFORE DELETE ON famiglia
BEGIN
    SELECT RAISE(ABORT, 'famiglia is append-only');
END;

CREATE TRIGGER generalita_no_delete BEFORE DELETE ON generalita
BEGIN
    SELECT RAISE(ABORT, 'generalita is append-only');
END;

CREATE TRIGGER codice_fiscale_no_delete BEFORE DELETE ON codice_fiscale
BEGIN
    SELECT RAISE(ABORT, 'codice_fiscale is append-only');
END;

CREATE TRIGGER residenza_no_delete BEFORE DELETE ON residenza
BEGIN
    SELECT RAISE(ABORT, 'residenza is append-only');
END;

CREATE TRIGGER componente_no_delete BEFORE DELETE ON componente
BEGIN
    SELECT RAISE(ABORT, 'componente is append-only');
END;

CREATE TRIGGER persona_no_update BEFORE UPDATE ON persona
BEGIN
    SELECT RAISE(ABORT, 'persona is append-only');
END;

CREATE TRIGGER famiglia_no_update BEFORE UPDATE ON famiglia
BEGIN
    SELECT RAISE(ABORT, 'famiglia is append-only');
END;

CREATE TRIGGER generalita_no_update BEFORE UPDATE OF
    persona, cognome, nome, sesso, data_nascita, luogo_nascita, iscritta_dal,
    decesso, recorded_at ON generalita
BEGIN
    SELECT RAISE(ABORT, 'generalita is append-only');
END;

CREATE TRIGGER generalita_superseded_once BEFORE UPDATE ON generalita
WHEN OLD.superseded_at IS NOT NULL OR NEW.superseded_at IS NULL
BEGIN
    SELECT RAISE(ABORT, 'generalita is superseded once');
END;

CREATE TRIGGER codice_fiscale_no_update BEFORE UPDATE OF
    codice, persona, dal, al, recorded_at ON codice_fiscale
BEGIN
    SELECT RAISE(ABORT, 'codice_fiscale is append-only');
END;

CREATE TRIGGER codice_fiscale_superseded_once BEFORE UPDATE ON codice_fiscale
WHEN OLD.superseded_at IS NOT NULL OR NEW.superseded_at IS NULL
BEGIN
    SELECT RAISE(ABORT, 'codice_fiscale is superseded once');
END;

CREATE TRIGGER residenza_no_update BEFORE UPDATE OF
    persona, dal, al, specie, denominazione, codice_toponimo, civico, esponente,
    interno, cap, stato, procedimento, recorded_at ON residenza
BEGIN
    SELECT RAISE(ABORT, 'residenza is append-only');
END;

CREATE TRIGGER residenza_superseded_once BEFORE UPDATE ON residenza
WHEN OLD.superseded_at IS NOT NULL OR NEW.superseded_at IS NULL
BEGIN
    SELECT RAISE(ABORT, 'residenza is superseded once');
END;

CREATE TRIGGER componente_no_update BEFORE UPDATE OF
    famiglia, persona, parentela, dal, al, recorded_at ON componente
BEGIN
    SELECT RAISE(ABORT, 'componente is append-only');
END;

CREATE TRIGGER componente_superseded_once BEFORE UPDATE ON componente
WHEN OLD.superseded_at IS NOT NULL OR NEW.superseded_at IS NULL
BEGIN
    SELECT RAISE(ABORT, 'componente is superseded once');
END;
