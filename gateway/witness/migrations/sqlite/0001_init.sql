-- What a witness has cosigned: of each log the last head, which only moves forward.

-- The key that the state belongs to; another key has promised nothing of it.
CREATE TABLE identity (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    vkey TEXT NOT NULL
) STRICT;

CREATE TABLE head (
    origin      TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the origin, by which monitors ask.
    origin_hash BLOB NOT NULL UNIQUE CHECK (length(origin_hash) = 32),
    size        INTEGER NOT NULL CHECK (size >= 0),
    root        BLOB NOT NULL CHECK (length(root) = 32),
    -- The checkpoint with the log's signatures that were verified, and our cosignature.
    note        TEXT NOT NULL,
    cosigned_at INTEGER NOT NULL
) STRICT;

-- Whatever the program does, a smaller head or another history is not stored.
CREATE TRIGGER head_only_forward BEFORE UPDATE ON head
WHEN NEW.origin <> OLD.origin OR NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root <> OLD.root)
BEGIN
    SELECT RAISE(ABORT, 'head only moves forward');
END;

CREATE TRIGGER head_no_delete BEFORE DELETE ON head
BEGIN
    SELECT RAISE(ABORT, 'head is never forgotten');
END;

CREATE TRIGGER identity_no_update BEFORE UPDATE ON identity
BEGIN
    SELECT RAISE(ABORT, 'identity never changes');
END;

CREATE TRIGGER identity_no_delete BEFORE DELETE ON identity
BEGIN
    SELECT RAISE(ABORT, 'identity never changes');
END;
