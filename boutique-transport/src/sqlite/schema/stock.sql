-- A CHECK names the values with OR: SQLite would build a list of more than two as a table of its
-- own at every write of a row. Here and in the other files.
-- One row per stock system and product. The checks are the ledger's invariants, so that no
-- program, however wrong, can store a level that breaks them.
CREATE TABLE stock (
    system     TEXT    NOT NULL CHECK (system IN ('inventory', 'furniture')),
    product_id TEXT    NOT NULL,
    on_hand    INTEGER NOT NULL CHECK (on_hand >= 0),
    held       INTEGER NOT NULL CHECK (held >= 0),
    committed  INTEGER NOT NULL CHECK (committed >= 0),
    received   INTEGER NOT NULL CHECK (received >= 0),
    shipped    INTEGER NOT NULL CHECK (shipped >= 0),
    version    INTEGER NOT NULL CHECK (version >= 0),
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (system, product_id),
    CHECK (on_hand >= held + committed),
    CHECK (on_hand = received - shipped)
) STRICT, WITHOUT ROWID;

-- A rowid table: rows are wide (the note is the verdicts of an order), and new ones go to the
-- end while only the narrow index takes their random ids.
CREATE TABLE hold (
    seq        INTEGER PRIMARY KEY,
    system     TEXT    NOT NULL CHECK (system IN ('inventory', 'furniture')),
    id         TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (
        state = 'held' OR state = 'pinned' OR state = 'confirmed' OR state = 'shipped'
        OR state = 'voided' OR state = 'expired' OR state = 'released'),
    expires_at INTEGER NOT NULL,
    lines      TEXT    NOT NULL,
    shipments  TEXT    NOT NULL,
    note       TEXT    CHECK (length(note) <= 65536),
    UNIQUE (system, id)
) STRICT;

-- What can lapse, by when.
CREATE INDEX hold_lapsing ON hold (system, expires_at) WHERE state = 'held';

CREATE TABLE receipt (
    system     TEXT    NOT NULL CHECK (system IN ('inventory', 'furniture')),
    id         TEXT    NOT NULL,
    product_id TEXT    NOT NULL,
    quantity   INTEGER NOT NULL CHECK (quantity >= 0),
    PRIMARY KEY (system, id)
) STRICT, WITHOUT ROWID;
