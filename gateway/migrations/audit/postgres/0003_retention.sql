-- What of a log has been destroyed, by class of details; 0 for the records themselves. None of it is evidence: that is
-- the RETENTION record at (told_log, told_index), which says that all below `recorded` may be gone. `done` is how far
-- the destruction has come.
CREATE TABLE destroyed (
    log        BIGINT NOT NULL REFERENCES log (id),
    class      BIGINT NOT NULL,
    recorded   BIGINT NOT NULL DEFAULT 0,
    done       BIGINT NOT NULL DEFAULT 0,
    told_log   BIGINT NOT NULL DEFAULT 0,
    told_index BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (log, class)
);

-- The tiles that the tree goes on from behind destroyed records: the index could not be built again without them.
CREATE TABLE edge (
    log   BIGINT NOT NULL REFERENCES log (id),
    level BIGINT NOT NULL,
    idx   BIGINT NOT NULL,
    data  BYTEA NOT NULL,
    PRIMARY KEY (log, level, idx)
);

CREATE INDEX seal_key_created ON seal_key (created, id);
-- Few details are kept for so long, if any: finding them is not to mean going through all records.
CREATE INDEX batch_ten_years ON batch (log, first) WHERE sealed_c IS NOT NULL;
CREATE INDEX batch_for_good ON batch (log, first) WHERE sealed_p IS NOT NULL;

-- Drops the records of a log of which none is to be kept. Commits of the log that is written now wait for the lock, so
-- it gives up soon where a long reading holds it: another night will do.
CREATE FUNCTION drop_records(which BIGINT) RETURNS VOID LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM log WHERE id = which AND pruned = size)
    THEN RAISE EXCEPTION 'records are append-only'; END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', 'batch_' || which);
END $$;
