-- The register of accesses: what is evidence, and nothing that can be computed from it.
CREATE TABLE log (
    id       BIGINT NOT NULL PRIMARY KEY,
    origin   TEXT NOT NULL UNIQUE,
    instance TEXT NOT NULL,
    vkey     TEXT NOT NULL,
    created  BIGINT NOT NULL,
    -- The signed head.
    size     BIGINT NOT NULL DEFAULT 0,
    root     BYTEA,
    note     TEXT,
    -- Leaves below it have been kept long enough and may be destroyed.
    pruned   BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
CREATE FUNCTION log_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.id <> OLD.id OR NEW.origin <> OLD.origin OR NEW.instance <> OLD.instance
        OR NEW.vkey <> OLD.vkey OR NEW.created <> OLD.created OR NEW.size < OLD.size
        OR NEW.pruned < OLD.pruned OR NEW.pruned > NEW.size
        OR NEW.size = OLD.size AND (NEW.root IS DISTINCT FROM OLD.root OR NEW.note IS DISTINCT FROM OLD.note)
    THEN RAISE EXCEPTION 'logs are append-only'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER log_only_grows BEFORE UPDATE OR DELETE ON log
FOR EACH ROW EXECUTE FUNCTION log_only_grows();

-- What one commit made durable: leaves from `first` on, each behind its length (C2SP tlog-tiles), and the sealed
-- details of some of them by their class of retention. One partition for each log, dropped when all of it has been
-- kept long enough.
CREATE TABLE batch (
    log      BIGINT NOT NULL REFERENCES log (id),
    first    BIGINT NOT NULL,
    count    BIGINT NOT NULL CHECK (count > 0),
    newest   BIGINT NOT NULL,
    -- The first 8 bytes of each leaf's hash, to tell which leaf is not the one that was written.
    checks   BYTEA NOT NULL,
    body     BYTEA NOT NULL,
    sealed_a BYTEA,
    sealed_b BYTEA,
    sealed_c BYTEA,
    sealed_p BYTEA,
    PRIMARY KEY (log, first)
) PARTITION BY LIST (log);
CREATE FUNCTION batch_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.first + OLD.count > (SELECT pruned FROM log WHERE id = OLD.log)
        THEN RAISE EXCEPTION 'records are append-only'; END IF;
        RETURN OLD;
    END IF;
    IF NEW.log <> OLD.log OR NEW.first <> OLD.first OR NEW.count <> OLD.count OR NEW.newest <> OLD.newest
        OR NEW.checks <> OLD.checks OR NEW.body <> OLD.body
        OR NEW.sealed_a IS NOT NULL AND NEW.sealed_a IS DISTINCT FROM OLD.sealed_a
        OR NEW.sealed_b IS NOT NULL AND NEW.sealed_b IS DISTINCT FROM OLD.sealed_b
        OR NEW.sealed_c IS NOT NULL AND NEW.sealed_c IS DISTINCT FROM OLD.sealed_c
        OR NEW.sealed_p IS DISTINCT FROM OLD.sealed_p
    THEN RAISE EXCEPTION 'records are append-only'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER batch_append_only BEFORE UPDATE OR DELETE ON batch
FOR EACH ROW EXECUTE FUNCTION batch_append_only();

CREATE FUNCTION log_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I PARTITION OF batch FOR VALUES IN (%L)', 'batch_' || NEW.id, NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER log_begin AFTER INSERT ON log
FOR EACH ROW EXECUTE FUNCTION log_begin();

-- Keys of sealed details, themselves sealed to the DPO.
CREATE TABLE seal_key (
    id      BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    sealed  BYTEA NOT NULL
);

-- A commit is one statement: the batch and the head that it makes, or neither.
CREATE VIEW appended AS
SELECT log, first, count, newest, checks, body, sealed_a, sealed_b, sealed_c, sealed_p, root, note
FROM batch JOIN log ON log.id = batch.log;
CREATE FUNCTION append() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE log SET size = NEW.first + NEW.count, root = NEW.root, note = NEW.note
    WHERE id = NEW.log AND size = NEW.first;
    IF NOT FOUND THEN RAISE EXCEPTION 'another process writes this log'; END IF;
    INSERT INTO batch (log, first, count, newest, checks, body, sealed_a, sealed_b, sealed_c, sealed_p)
    VALUES (NEW.log, NEW.first, NEW.count, NEW.newest, NEW.checks, NEW.body,
        NEW.sealed_a, NEW.sealed_b, NEW.sealed_c, NEW.sealed_p);
    RETURN NEW;
END $$;
CREATE TRIGGER append INSTEAD OF INSERT ON appended
FOR EACH ROW EXECUTE FUNCTION append();
