-- What the register of accesses is read by: all of it can be computed again from the batches.
CREATE TABLE tile (
    log   BIGINT NOT NULL,
    level BIGINT NOT NULL,
    idx   BIGINT NOT NULL,
    data  BYTEA NOT NULL,
    PRIMARY KEY (log, level, idx)
);

-- A stretch of the log whose postings and tiles are written: `open` are the INTENTs that no OUTCOME had followed.
CREATE TABLE segment (
    log    BIGINT NOT NULL,
    idx    BIGINT NOT NULL,
    oldest BIGINT NOT NULL,
    newest BIGINT NOT NULL,
    open   BYTEA NOT NULL,
    PRIMARY KEY (log, idx)
);

-- Where in a segment the records with a word stand, for the words of one of 256 pages.
CREATE TABLE posting (
    log     BIGINT NOT NULL,
    page    BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    data    BYTEA NOT NULL,
    PRIMARY KEY (log, page, segment)
);
