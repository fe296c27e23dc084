-- The traces of each batch in one row, their ids one after the other: a row for each trace would change a page
-- of the index at random for each call. Who looks a trace up reads 16 bytes of every trace that is kept.
CREATE TABLE batch_traces (
    batch BYTEA NOT NULL PRIMARY KEY,
    ids   BYTEA NOT NULL
);
INSERT INTO batch_traces (batch, ids)
SELECT batch, string_agg(trace_id, ''::BYTEA) FROM trace GROUP BY batch;
DROP TABLE trace;
