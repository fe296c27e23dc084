-- Spans in batches, as they came: a batch is never changed, so that its digest in the register of accesses
-- stays right. Times are microseconds since the Unix epoch; `first` and `last` are those of its spans.
CREATE TABLE batch (
    id       BLOB NOT NULL PRIMARY KEY,
    instance TEXT NOT NULL,
    made     INTEGER NOT NULL,
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    spans    INTEGER NOT NULL CHECK (spans > 0),
    bytes    INTEGER NOT NULL,
    body     BLOB NOT NULL,
    origin   TEXT,
    idx      INTEGER
) STRICT;
CREATE INDEX batch_made ON batch (made, id, spans, bytes);
CREATE INDEX batch_unsealed ON batch (instance) WHERE idx IS NULL;

-- Which batches hold spans of a trace.
CREATE TABLE trace (
    trace_id BLOB NOT NULL,
    batch    BLOB NOT NULL,
    PRIMARY KEY (trace_id, batch)
) STRICT, WITHOUT ROWID;
CREATE INDEX trace_batch ON trace (batch);

CREATE TRIGGER batch_stays BEFORE UPDATE OF id, instance, made, first, last, spans, bytes, body ON batch
BEGIN SELECT RAISE(ABORT, 'a batch of spans is never changed'); END;
