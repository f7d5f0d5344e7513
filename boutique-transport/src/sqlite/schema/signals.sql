-- Orders as the velocity windows count them; users, e-mails and addresses are pseudonyms.
-- An index ends with the order id, so the newest rows of a subject are the end of a range. A
-- rowid table: new rows go to the end, and only the indexes take ids that come in no order.
CREATE TABLE observation (
    seq INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    email TEXT NOT NULL,
    address TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    units INTEGER NOT NULL,
    nanos INTEGER NOT NULL CHECK (abs(nanos) < 1000000000),
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX observation_of_user ON observation (user, at, order_id);
CREATE INDEX observation_of_email ON observation (email, at, order_id);
CREATE INDEX observation_of_address ON observation (address, at, order_id);
CREATE INDEX observation_at ON observation (at);
