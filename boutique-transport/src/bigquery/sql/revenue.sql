-- Whoever publishes may say anything in an attribute: nonsense must not spoil what others say.
WITH
  placed AS (
    SELECT
      user_currency,
      UNIX_MICROS(publish_time) AS published_us,
      SAFE_CAST(JSON_VALUE(attributes, '$."occurred-at-us"') AS INT64) AS occurred_us,
      SAFE.PARSE_JSON(JSON_VALUE(attributes, '$.total')) AS total,
      shipping_cost,
      items
    FROM `{dataset}.orders_once`
  ),
  paid AS (
    SELECT
      FORMAT_TIMESTAMP(
        '%Y-%m-%d',
        TIMESTAMP_MICROS(
          IF(occurred_us BETWEEN 0 AND 253402300799999999, occurred_us, published_us)
        )
      ) AS day,
      user_currency AS currency,
      IF(
        SAFE_CAST(JSON_VALUE(total, '$.units') AS INT64) IS NULL,
        shipping_cost.units
          + COALESCE((SELECT SUM(it.cost.units * it.item.quantity) FROM UNNEST(items) AS it), 0),
        SAFE_CAST(JSON_VALUE(total, '$.units') AS INT64)
      ) AS units,
      IF(
        SAFE_CAST(JSON_VALUE(total, '$.units') AS INT64) IS NULL,
        shipping_cost.nanos
          + COALESCE((SELECT SUM(it.cost.nanos * it.item.quantity) FROM UNNEST(items) AS it), 0),
        COALESCE(SAFE_CAST(JSON_VALUE(total, '$.nanos') AS INT64), 0)
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
