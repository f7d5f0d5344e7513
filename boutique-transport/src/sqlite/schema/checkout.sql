-- The latest attempt of every order: what a decision changes.
CREATE TABLE saga (
    seq      INTEGER PRIMARY KEY,
    order_id TEXT    NOT NULL UNIQUE,
    state    TEXT    NOT NULL CHECK (
        state = 'started' OR state = 'review' OR state = 'approved' OR state = 'confirmed'
        OR state = 'refused' OR state = 'failed'),
    -- When recovery has to look at it; null once it is decided.
    due      INTEGER CHECK ((due IS NULL) = (
        state = 'confirmed' OR state = 'refused' OR state = 'failed')),
    since    INTEGER NOT NULL,
    -- The state with all that it carries, as JSON.
    detail   TEXT    NOT NULL,
    timeline TEXT    NOT NULL
) STRICT;

CREATE INDEX saga_due ON saga (due) WHERE due IS NOT NULL;

-- What the attempt is, as JSON; the wide part, written once. Same seq as its saga.
CREATE TABLE intent (
    seq     INTEGER PRIMARY KEY,
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    intent  TEXT    NOT NULL
) STRICT;

-- Events to be published; a row goes when the broker has acknowledged it. Leases are not kept
-- here: they are the business of the one process that has the file, and end with it.
CREATE TABLE outbox (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id   TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    -- The message: the columns of the same names in the broker.
    ordering_key TEXT,
    data         TEXT NOT NULL,
    attributes   TEXT NOT NULL -- JSON
) STRICT;

CREATE INDEX outbox_oldest ON outbox (created_at);

-- A cart that was emptied keeps its row, for its version.
CREATE TABLE cart (
    user_id TEXT    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version >= 0),
    lines   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
