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

-- Only the first message of an ordering key that has not ended may be delivered; those behind
-- it are blocked.
CREATE TABLE delivery (
    subscription INTEGER NOT NULL REFERENCES subscription (seq),
    message INTEGER NOT NULL REFERENCES message (id),
    ordering_key TEXT, -- only where the subscription keeps the order
    state TEXT NOT NULL CHECK (
        state = 'blocked' OR state = 'ready' OR state = 'waiting' OR state = 'leased'),
    attempt INTEGER NOT NULL CHECK (attempt >= 0), -- deliveries so far
    due_at INTEGER NOT NULL, -- when the lease ends or, without one, the rest
    -- The message first: to forget one takes a look at whoever still needs it.
    PRIMARY KEY (message, subscription)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_ready ON delivery (subscription, message) WHERE state = 'ready';
CREATE INDEX delivery_waiting ON delivery (subscription, due_at) WHERE state = 'waiting';
CREATE INDEX delivery_leased ON delivery (subscription, due_at) WHERE state = 'leased';
CREATE INDEX delivery_of_key ON delivery (subscription, ordering_key, message)
    WHERE ordering_key IS NOT NULL;
