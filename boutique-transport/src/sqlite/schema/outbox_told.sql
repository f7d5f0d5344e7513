-- What is told of refusals keeps no confirmed order back: each kind is leased by itself.
ALTER TABLE outbox ADD COLUMN refused INTEGER NOT NULL DEFAULT 0 CHECK (refused IN (0, 1));

UPDATE outbox SET refused = 1
WHERE json_extract(attributes, '$."ce-type"') = 'boutique.order.refused.v1';

DROP INDEX outbox_oldest;

CREATE INDEX outbox_oldest ON outbox (refused, created_at);
