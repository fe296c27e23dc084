-- Public halves of the keys that sign vouchers and grants, of every gateway; times in microseconds.
CREATE TABLE signing_key (
    kid         TEXT NOT NULL PRIMARY KEY,
    role        TEXT NOT NULL CHECK (role IN ('voucher', 'grant')),
    instance    TEXT NOT NULL,
    algorithm   TEXT NOT NULL,
    jwk         TEXT NOT NULL,
    published   INTEGER NOT NULL,
    active_from INTEGER NOT NULL,
    -- The longest life, in seconds, of anything that it may have signed.
    longest     INTEGER NOT NULL,
    retired_at  INTEGER,
    removed_at  INTEGER
) STRICT;

-- What operators have asked of every gateway: a key that was published later, and an end to all
-- that were published before.
CREATE TABLE signing_order (
    role    TEXT NOT NULL PRIMARY KEY CHECK (role IN ('voucher', 'grant')),
    asked   INTEGER NOT NULL,
    revoked INTEGER NOT NULL
) STRICT;
INSERT INTO signing_order (role, asked, revoked) VALUES ('voucher', 0, 0), ('grant', 0, 0);
