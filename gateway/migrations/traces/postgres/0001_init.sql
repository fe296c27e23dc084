-- Spans in batches, as they came: a batch is never changed, so that its digest in the register of accesses
-- stays right. Times are microseconds since the Unix epoch; `first` and `last` are those of its spans.
CREATE TABLE batch (
    id       BYTEA NOT NULL PRIMARY KEY,
    instance TEXT NOT NULL,
    made     BIGINT NOT NULL,
    first    BIGINT NOT NULL,
    last     BIGINT NOT NULL,
    spans    BIGINT NOT NULL CHECK (spans > 0),
    bytes    BIGINT NOT NULL,
    body     BYTEA NOT NULL,
    origin   TEXT,
    idx      BIGINT
);
CREATE INDEX batch_made ON batch (made, id, spans, bytes);
CREATE INDEX batch_unsealed ON batch (instance) WHERE idx IS NULL;

-- Which batches hold spans of a trace.
CREATE TABLE trace (
    trace_id BYTEA NOT NULL,
    batch    BYTEA NOT NULL,
    PRIMARY KEY (trace_id, batch)
);
CREATE INDEX trace_batch ON trace (batch);

CREATE FUNCTION batch_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a batch of spans is never changed';
END $$;
CREATE TRIGGER batch_stays BEFORE UPDATE OF id, instance, made, first, last, spans, bytes, body ON batch
FOR EACH ROW EXECUTE FUNCTION batch_stays();
