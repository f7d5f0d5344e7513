-- Whoever publishes may say anything in an attribute: nonsense must not spoil what others say.
WITH
  said AS (
    SELECT
      *,
      try_cast(json_value(attributes, '$."occurred-at-us"') AS BIGINT) AS occurred_us,
      CAST(publish_time AS BIGINT) AS published_us
    FROM orders_once
  ),
  placed AS (
    SELECT
      order_id,
      user_currency,
      CASE
        WHEN occurred_us BETWEEN 0 AND 253402300799999999 THEN occurred_us
        ELSE published_us
      END AS placed_us,
      try_cast(json_value(json_value(attributes, '$.total'), '$.units') AS BIGINT) AS total_units,
      try_cast(json_value(json_value(attributes, '$.total'), '$.nanos') AS BIGINT) AS total_nanos,
      shipping_cost['units'] AS shipping_units,
      shipping_cost['nanos'] AS shipping_nanos
    FROM said
  ),
  items AS (
    SELECT order_id, unnest(items) AS it
    FROM orders_once
  ),
  goods AS (
    SELECT
      order_id,
      sum(it['cost']['units'] * it['item']['quantity']) AS units,
      sum(it['cost']['nanos'] * it['item']['quantity']) AS nanos
    FROM items
    GROUP BY order_id
  ),
  paid AS (
    SELECT
      to_char(to_timestamp_micros(placed_us), '%Y-%m-%d') AS day,
      user_currency AS currency,
      CASE
        WHEN total_units IS NULL THEN shipping_units + coalesce(goods.units, 0)
        ELSE total_units
      END AS units,
      CASE
        WHEN total_units IS NULL THEN shipping_nanos + coalesce(goods.nanos, 0)
        ELSE coalesce(total_nanos, 0)
      END AS nanos
    FROM placed
    LEFT JOIN goods ON goods.order_id = placed.order_id
  )
SELECT
  day,
  currency,
  count(*) AS orders,
  sum(units) + sum(nanos) / 1000000000 AS units,
  sum(nanos) % 1000000000 AS nanos
FROM paid
GROUP BY day, currency
