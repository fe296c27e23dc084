-- What a witness has cosigned: of each log the last head, which only moves forward.

-- The key that the state belongs to; another key has promised nothing of it.
CREATE TABLE identity (
    one  BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    vkey TEXT NOT NULL
);

CREATE TABLE head (
    origin      TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the origin, by which monitors ask.
    origin_hash BYTEA NOT NULL UNIQUE CHECK (length(origin_hash) = 32),
    size        BIGINT NOT NULL CHECK (size >= 0),
    root        BYTEA NOT NULL CHECK (length(root) = 32),
    -- The checkpoint with the log's signatures that were verified, and our cosignature.
    note        TEXT NOT NULL,
    cosigned_at BIGINT NOT NULL
);

-- Whatever the program does, a smaller head or another history is not stored.
CREATE FUNCTION only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.origin <> OLD.origin OR NEW.size < OLD.size
        OR (NEW.size = OLD.size AND NEW.root <> OLD.root) THEN
        RAISE EXCEPTION 'head only moves forward';
    END IF;
    RETURN NEW;
END;
$$;

CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never forgotten', TG_TABLE_NAME;
END;
$$;

CREATE TRIGGER head_only_forward BEFORE UPDATE ON head
    FOR EACH ROW EXECUTE FUNCTION only_forward();

CREATE TRIGGER head_never BEFORE DELETE OR TRUNCATE ON head
    FOR EACH STATEMENT EXECUTE FUNCTION never();

CREATE TRIGGER identity_never BEFORE UPDATE OR DELETE OR TRUNCATE ON identity
    FOR EACH STATEMENT EXECUTE FUNCTION never();
