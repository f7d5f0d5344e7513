-- Order management. What was placed never changes and is large; progress is small and is
-- rewritten with every fact, so the two are kept apart.
CREATE TABLE placed_order (
    order_id TEXT NOT NULL UNIQUE,
    placed TEXT NOT NULL -- JSON, with the event's id
) STRICT;

CREATE TABLE order_progress (
    order_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (
        state = 'received' OR state = 'fulfilling' OR state = 'partly_shipped'
        OR state = 'shipped' OR state = 'delivered' OR state = 'cancelling'
        OR state = 'cancelled'),
    open INTEGER NOT NULL CHECK (open IN (0, 1)), -- whether something is left to do
    last_fact_at INTEGER NOT NULL,
    progress TEXT NOT NULL -- JSON
) STRICT;

CREATE INDEX order_unfinished ON order_progress (order_id) WHERE open = 1;

-- Every event that has had its effect. It enters with the effect, in one transaction.
CREATE TABLE inbox (
    event_id TEXT NOT NULL PRIMARY KEY,
    taken_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Messages that could not be taken in, until a person looks at them.
CREATE TABLE dead_letter (
    id TEXT NOT NULL UNIQUE,
    parked_at INTEGER NOT NULL,
    letter TEXT NOT NULL -- JSON
) STRICT;
