-- The keys of a cart's newest additions, as JSON: apart from the cart, which is read far more often.
CREATE TABLE cart_keys (
    user_id TEXT NOT NULL PRIMARY KEY,
    keys    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
