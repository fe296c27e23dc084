-- The register of accesses: what is evidence, and nothing that can be computed from it.
CREATE TABLE log (
    id       INTEGER NOT NULL PRIMARY KEY,
    origin   TEXT NOT NULL UNIQUE,
    instance TEXT NOT NULL,
    vkey     TEXT NOT NULL,
    created  INTEGER NOT NULL,
    -- The signed head.
    size     INTEGER NOT NULL DEFAULT 0,
    root     BLOB,
    note     TEXT,
    -- Leaves below it have been kept long enough and may be destroyed.
    pruned   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TRIGGER log_no_delete BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'logs are append-only'); END;
CREATE TRIGGER log_only_grows BEFORE UPDATE ON log
WHEN NEW.id <> OLD.id OR NEW.origin <> OLD.origin OR NEW.instance <> OLD.instance OR NEW.vkey <> OLD.vkey
    OR NEW.created <> OLD.created OR NEW.size < OLD.size OR NEW.pruned < OLD.pruned OR NEW.pruned > NEW.size
    OR NEW.size = OLD.size AND (NEW.root IS NOT OLD.root OR NEW.note IS NOT OLD.note)
BEGIN SELECT RAISE(ABORT, 'logs are append-only'); END;

-- What one commit made durable: leaves from `first` on, each behind its length (C2SP tlog-tiles), and the sealed
-- details of some of them by their class of retention.
CREATE TABLE batch (
    log      INTEGER NOT NULL REFERENCES log (id),
    first    INTEGER NOT NULL,
    count    INTEGER NOT NULL CHECK (count > 0),
    newest   INTEGER NOT NULL,
    -- The first 8 bytes of each leaf's hash, to tell which leaf is not the one that was written.
    checks   BLOB NOT NULL,
    body     BLOB NOT NULL,
    sealed_a BLOB,
    sealed_b BLOB,
    sealed_c BLOB,
    sealed_p BLOB,
    PRIMARY KEY (log, first)
) STRICT;
CREATE TRIGGER batch_no_update BEFORE UPDATE ON batch
WHEN NEW.log <> OLD.log OR NEW.first <> OLD.first OR NEW.count <> OLD.count OR NEW.newest <> OLD.newest
    OR NEW.checks <> OLD.checks OR NEW.body <> OLD.body
    OR NEW.sealed_a IS NOT NULL AND NEW.sealed_a IS NOT OLD.sealed_a
    OR NEW.sealed_b IS NOT NULL AND NEW.sealed_b IS NOT OLD.sealed_b
    OR NEW.sealed_c IS NOT NULL AND NEW.sealed_c IS NOT OLD.sealed_c
    OR NEW.sealed_p IS NOT OLD.sealed_p
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER batch_no_delete BEFORE DELETE ON batch
WHEN OLD.first + OLD.count > (SELECT pruned FROM log WHERE id = OLD.log)
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;

-- Keys of sealed details, themselves sealed to the DPO.
CREATE TABLE seal_key (
    id      BLOB NOT NULL PRIMARY KEY,
    created INTEGER NOT NULL,
    sealed  BLOB NOT NULL
) STRICT;

-- A commit is one statement: the batch and the head that it makes, or neither.
CREATE VIEW appended AS
SELECT log, first, count, newest, checks, body, sealed_a, sealed_b, sealed_c, sealed_p, root, note
FROM batch JOIN log ON log.id = batch.log;
CREATE TRIGGER append INSTEAD OF INSERT ON appended
BEGIN
    SELECT RAISE(ABORT, 'another process writes this log')
    WHERE NOT EXISTS (SELECT 1 FROM log WHERE id = NEW.log AND size = NEW.first);
    INSERT INTO batch (log, first, count, newest, checks, body, sealed_a, sealed_b, sealed_c, sealed_p)
    VALUES (NEW.log, NEW.first, NEW.count, NEW.newest, NEW.checks, NEW.body,
        NEW.sealed_a, NEW.sealed_b, NEW.sealed_c, NEW.sealed_p);
    UPDATE log SET size = NEW.first + NEW.count, root = NEW.root, note = NEW.note WHERE id = NEW.log;
END;
