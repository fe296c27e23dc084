-- What of a log has been destroyed, by class of details; 0 for the records themselves. None of it is evidence: that is
-- the RETENTION record at (told_log, told_index), which says that all below `recorded` may be gone. `done` is how far
-- the destruction has come.
CREATE TABLE destroyed (
    log        INTEGER NOT NULL REFERENCES log (id),
    class      INTEGER NOT NULL,
    recorded   INTEGER NOT NULL DEFAULT 0,
    done       INTEGER NOT NULL DEFAULT 0,
    told_log   INTEGER NOT NULL DEFAULT 0,
    told_index INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (log, class)
) STRICT;

-- The tiles that the tree goes on from behind destroyed records: the index could not be built again without them.
CREATE TABLE edge (
    log   INTEGER NOT NULL REFERENCES log (id),
    level INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    data  BLOB NOT NULL,
    PRIMARY KEY (log, level, idx)
) STRICT;

CREATE INDEX seal_key_created ON seal_key (created, id);
-- Few details are kept for so long, if any: finding them is not to mean going through all records.
CREATE INDEX batch_ten_years ON batch (log, first) WHERE sealed_c IS NOT NULL;
CREATE INDEX batch_for_good ON batch (log, first) WHERE sealed_p IS NOT NULL;
