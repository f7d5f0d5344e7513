-- The broker. A message is kept as long as a delivery of it is; a delivery is what one
-- subscription still has to do with one message.
CREATE TABLE topic (
    id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE subscription (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL REFERENCES topic (id),
    ordered INTEGER NOT NULL CHECK (ordered IN (0, 1)),
    config TEXT NOT NULL -- JSON
) STRICT;

CREATE INDEX subscription_of_topic ON subscription (topic);

CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    published_at INTEGER NOT NULL,
    ordering_key TEXT,
    data TEXT NOT NULL,
    attributes TEXT NOT NULL -- JSON
) STRICT;

CREATE TABLE delivery (
    message INTEGER NOT NULL REFERENCES message (id),
    subscription INTEGER NOT NULL REFERENCES subscription (seq),
    ordering_key TEXT, -- only where the subscription keeps the order
    blocked INTEGER NOT NULL CHECK (blocked IN (0, 1)), -- an earlier one of its key is not done
    leased INTEGER NOT NULL CHECK (leased IN (0, 1)),
    attempt INTEGER NOT NULL CHECK (attempt >= 0), -- deliveries so far
    due_at INTEGER NOT NULL, -- when it may be delivered, or its lease runs out
    PRIMARY KEY (message, subscription)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_due ON delivery (subscription, blocked, due_at, message);
CREATE INDEX delivery_of_key ON delivery (subscription, ordering_key, message)
    WHERE ordering_key IS NOT NULL;
