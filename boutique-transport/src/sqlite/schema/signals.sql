-- Orders as the velocity windows count them; users, e-mails and addresses are pseudonyms.
-- An index ends with the order id, so the newest rows of a subject are the end of a range.
CREATE TABLE observation (
    order_id TEXT NOT NULL PRIMARY KEY,
    user TEXT NOT NULL,
    email TEXT NOT NULL,
    address TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    units INTEGER NOT NULL,
    nanos INTEGER NOT NULL CHECK (abs(nanos) < 1000000000),
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX observation_of_user ON observation (user, at);
CREATE INDEX observation_of_email ON observation (email, at);
CREATE INDEX observation_of_address ON observation (address, at);
CREATE INDEX observation_at ON observation (at);
