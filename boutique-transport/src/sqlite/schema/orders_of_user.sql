-- A buyer's orders by id. The buyer stays in the JSON of what was placed and is not kept twice.
CREATE INDEX placed_order_of_user ON placed_order (placed ->> '$.order.user_id', order_id);
