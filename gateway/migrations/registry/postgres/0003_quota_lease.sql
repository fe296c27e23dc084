-- Calls of a day are leased in blocks. `quota.ultimo` counts all that were given to gateways and have
-- not come back. What a gateway holds stands here; of it `may_use` counts as used if it dies. `life`
-- tells apart the leases that one holder had of one subject, one after another.
CREATE TABLE quota_lease (
    subject TEXT NOT NULL,
    day     TEXT NOT NULL,
    holder  TEXT NOT NULL,
    life    BIGINT NOT NULL,
    granted BIGINT NOT NULL,
    may_use BIGINT NOT NULL CHECK (may_use BETWEEN 0 AND granted),
    PRIMARY KEY (subject, day, holder)
);
CREATE INDEX quota_lease_holder ON quota_lease (holder);

-- Runs of gateways that hold leases. A beat that no longer changes is one of a dead run.
CREATE TABLE quota_holder (
    holder TEXT NOT NULL PRIMARY KEY,
    beat   BIGINT NOT NULL
);

-- Of which subjects it was told that most of the day's calls are used.
CREATE TABLE quota_warning (
    subject TEXT NOT NULL,
    day     TEXT NOT NULL,
    PRIMARY KEY (subject, day)
);

-- Until now only purposes were counted.
UPDATE quota SET subject = 'purpose/' || subject;
