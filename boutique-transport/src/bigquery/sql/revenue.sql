WITH
  placed AS (
    SELECT
      user_currency,
      -- Pub/Sub knows only when an order was published; it was placed when it says so.
      COALESCE(
        TIMESTAMP_MICROS(SAFE_CAST(JSON_VALUE(attributes, '$."occurred-at-us"') AS INT64)),
        publish_time
      ) AS placed_at,
      JSON_VALUE(attributes, '$.total') AS total,
      shipping_cost,
      items
    FROM `{dataset}.orders_once`
  ),
  paid AS (
    SELECT
      FORMAT_TIMESTAMP('%Y-%m-%d', placed_at) AS day,
      user_currency AS currency,
      IF(
        total IS NULL,
        shipping_cost.units
          + COALESCE((SELECT SUM(it.cost.units * it.item.quantity) FROM UNNEST(items) AS it), 0),
        CAST(JSON_VALUE(total, '$.units') AS INT64)
      ) AS units,
      IF(
        total IS NULL,
        shipping_cost.nanos
          + COALESCE((SELECT SUM(it.cost.nanos * it.item.quantity) FROM UNNEST(items) AS it), 0),
        CAST(COALESCE(JSON_VALUE(total, '$.nanos'), '0') AS INT64)
      ) AS nanos
    FROM placed
  )
SELECT
  day,
  currency,
  COUNT(*) AS orders,
  SUM(units) + DIV(SUM(nanos), 1000000000) AS units,
  MOD(SUM(nanos), 1000000000) AS nanos
FROM paid
GROUP BY day, currency
