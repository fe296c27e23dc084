-- What the register of accesses is read by: all of it can be computed again from the batches.
CREATE TABLE tile (
    log   INTEGER NOT NULL,
    level INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    data  BLOB NOT NULL,
    PRIMARY KEY (log, level, idx)
) STRICT;

-- A stretch of the log whose postings and tiles are written: `open` are the INTENTs that no OUTCOME had followed.
CREATE TABLE segment (
    log    INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    oldest INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    open   BLOB NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT;

-- Where in a segment the records with a word stand, for the words of one of 256 pages.
CREATE TABLE posting (
    log     INTEGER NOT NULL,
    page    INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    data    BLOB NOT NULL,
    PRIMARY KEY (log, page, segment)
) STRICT;
