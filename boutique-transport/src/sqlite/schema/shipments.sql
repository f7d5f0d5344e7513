-- Shipments. `shipment` is the JSON of all of it; the columns repeat what is searched.
CREATE TABLE shipment (
    id TEXT NOT NULL UNIQUE,
    order_id TEXT NOT NULL,
    system TEXT NOT NULL CHECK (system IN ('inventory', 'furniture')),
    status TEXT NOT NULL CHECK (
        status = 'pending' OR status = 'packed' OR status = 'shipped' OR status = 'delivered'
        OR status = 'returned' OR status = 'cancelled'),
    open INTEGER NOT NULL CHECK (open IN (0, 1)), -- whether a duty is left
    shipment TEXT NOT NULL
) STRICT;

CREATE INDEX shipment_of_order ON shipment (order_id);
CREATE INDEX shipment_unfinished ON shipment (id) WHERE open = 1;
