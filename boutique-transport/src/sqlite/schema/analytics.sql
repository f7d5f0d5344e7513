-- The event stream as it arrived, repeats included.
CREATE TABLE analytics_row (
    seq INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL CHECK (message_id >= 0),
    published_at INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    data TEXT NOT NULL,
    attributes TEXT NOT NULL -- JSON
) STRICT;

CREATE INDEX analytics_row_of_event ON analytics_row (event_id, published_at, message_id);

-- One row an event: the one published first.
CREATE VIEW analytics_event AS
SELECT message_id, published_at, event_id, order_id, data, attributes
FROM analytics_row AS it
WHERE NOT EXISTS (
    SELECT 1 FROM analytics_row AS other
    WHERE other.event_id = it.event_id
      AND (other.published_at, other.message_id, other.seq)
        < (it.published_at, it.message_id, it.seq)
);
