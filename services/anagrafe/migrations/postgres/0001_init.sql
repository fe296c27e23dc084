-- The registry of residents, in two times: `dal` and `al` are the days of the world, half open;
-- `recorded_at` and `superseded_at` say from when to when the registry believed the row.
-- A correction supersedes a row and records another: what was believed then stays readable.

-- Who is known at all; everything else hangs on it.
CREATE TABLE persona (
    id          TEXT NOT NULL PRIMARY KEY,
    recorded_at BIGINT NOT NULL
);

CREATE TABLE generalita (
    persona       TEXT NOT NULL REFERENCES persona (id),
    cognome       TEXT NOT NULL,
    nome          TEXT NOT NULL,
    sesso         TEXT NOT NULL CHECK (sesso IN ('F', 'M')),
    data_nascita  TEXT NOT NULL,
    luogo_nascita TEXT NOT NULL,
    iscritta_dal  TEXT NOT NULL,
    decesso       TEXT,
    recorded_at   BIGINT NOT NULL,
    superseded_at BIGINT,
    PRIMARY KEY (persona, recorded_at)
);

-- A person may have several codes over a life, none of which becomes another's.
CREATE TABLE codice_fiscale (
    codice        TEXT NOT NULL,
    persona       TEXT NOT NULL REFERENCES persona (id),
    dal           TEXT NOT NULL,
    al            TEXT CHECK (al > dal),
    recorded_at   BIGINT NOT NULL,
    superseded_at BIGINT,
    PRIMARY KEY (codice, recorded_at)
);

CREATE UNIQUE INDEX codice_fiscale_of_one ON codice_fiscale (codice)
    WHERE superseded_at IS NULL;
CREATE INDEX codice_fiscale_persona ON codice_fiscale (persona);

CREATE TABLE residenza (
    persona         TEXT NOT NULL REFERENCES persona (id),
    dal             TEXT NOT NULL,
    al              TEXT CHECK (al > dal),
    specie          TEXT NOT NULL,
    denominazione   TEXT NOT NULL,
    codice_toponimo BIGINT,
    civico          BIGINT,
    esponente       TEXT,
    interno         TEXT,
    cap             TEXT,
    stato           TEXT NOT NULL CHECK (stato IN ('CON_RISERVA', 'DEFINITIVA')),
    procedimento    TEXT,
    recorded_at     BIGINT NOT NULL,
    superseded_at   BIGINT,
    PRIMARY KEY (persona, dal, recorded_at)
);

CREATE UNIQUE INDEX residenza_one_open ON residenza (persona)
    WHERE al IS NULL AND superseded_at IS NULL;

CREATE TABLE famiglia (
    id          TEXT NOT NULL PRIMARY KEY,
    recorded_at BIGINT NOT NULL
);

CREATE TABLE componente (
    famiglia      TEXT NOT NULL REFERENCES famiglia (id),
    persona       TEXT NOT NULL REFERENCES persona (id),
    parentela     BIGINT NOT NULL,
    dal           TEXT NOT NULL,
    al            TEXT CHECK (al > dal),
    recorded_at   BIGINT NOT NULL,
    superseded_at BIGINT,
    PRIMARY KEY (persona, dal, recorded_at)
);

CREATE INDEX componente_famiglia ON componente (famiglia);
CREATE UNIQUE INDEX componente_one_open ON componente (persona)
    WHERE al IS NULL AND superseded_at IS NULL;

-- Nothing is deleted, and of a row only the end of its being believed is written, once.

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END;
$$;

CREATE FUNCTION superseded_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.superseded_at IS NOT NULL OR NEW.superseded_at IS NULL
        OR to_jsonb(NEW) - 'superseded_at' <> to_jsonb(OLD) - 'superseded_at' THEN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END;
$$;

CREATE TRIGGER persona_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON persona
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE TRIGGER famiglia_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON famiglia
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE TRIGGER generalita_append_only BEFORE DELETE OR TRUNCATE ON generalita
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER generalita_superseded_once BEFORE UPDATE ON generalita
    FOR EACH ROW EXECUTE FUNCTION superseded_once();

CREATE TRIGGER codice_fiscale_append_only BEFORE DELETE OR TRUNCATE ON codice_fiscale
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER codice_fiscale_superseded_once BEFORE UPDATE ON codice_fiscale
    FOR EACH ROW EXECUTE FUNCTION superseded_once();

CREATE TRIGGER residenza_append_only BEFORE DELETE OR TRUNCATE ON residenza
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER residenza_superseded_once BEFORE UPDATE ON residenza
    FOR EACH ROW EXECUTE FUNCTION superseded_once();

CREATE TRIGGER componente_append_only BEFORE DELETE OR TRUNCATE ON componente
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER componente_superseded_once BEFORE UPDATE ON componente
    FOR EACH ROW EXECUTE FUNCTION superseded_once();
