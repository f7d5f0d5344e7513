-- The latest attempt of every order. The intent is written once per attempt and is the wide
-- part; what a decision rewrites is narrow, so it has a table of its own.
CREATE TABLE saga (
    order_id TEXT    NOT NULL PRIMARY KEY,
    attempt  INTEGER NOT NULL CHECK (attempt >= 1),
    state    TEXT    NOT NULL CHECK (state IN
        ('started', 'review', 'approved', 'confirmed', 'refused', 'failed')),
    -- When recovery has to look at it; null once it is decided.
    due      INTEGER CHECK ((due IS NULL) = (state IN ('confirmed', 'refused', 'failed'))),
    since    INTEGER NOT NULL,
    detail   TEXT    NOT NULL,
    timeline TEXT    NOT NULL
) STRICT;

CREATE INDEX saga_due ON saga (due) WHERE due IS NOT NULL;

CREATE TABLE intent (
    order_id TEXT NOT NULL PRIMARY KEY,
    intent   TEXT NOT NULL
) STRICT;

-- Events to be published; a row goes when the broker has acknowledged it.
CREATE TABLE outbox (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id     TEXT    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    leased_until INTEGER NOT NULL DEFAULT 0,
    message      TEXT    NOT NULL
) STRICT;

CREATE TABLE cart (
    user_id TEXT    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version >= 0),
    lines   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
