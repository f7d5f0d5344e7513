-- Customers. `email` is in lower case, as e-mails are compared; `record` is the JSON of a customer without its orders: all of it is personal.
CREATE TABLE customer (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE INDEX customer_newest ON customer (created_at, id);

-- Orders attached to customers: each to one customer, once.
CREATE TABLE customer_order (
    order_id TEXT NOT NULL UNIQUE,
    customer INTEGER NOT NULL REFERENCES customer (seq),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    units INTEGER NOT NULL,
    nanos INTEGER NOT NULL CHECK (abs(nanos) < 1000000000),
    placed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX customer_order_of ON customer_order (customer, placed_at, order_id);
