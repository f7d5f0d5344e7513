-- Whoever publishes may say anything. A total that is none is made up from the costs; an order
-- whose costs are none is booked by nobody and left out. The bounds are those of an amount and of
-- a line.
WITH
  told AS (
    SELECT
      order_id,
      user_currency,
      UNIX_MICROS(publish_time) AS published_us,
      SAFE_CAST(JSON_VALUE(attributes, '$."occurred-at-us"') AS INT64) AS occurred_us,
      SAFE.PARSE_JSON(JSON_VALUE(attributes, '$.total')) AS total,
      shipping_cost,
      items
    FROM `{dataset}.orders_once`
  ),
  named AS (
    SELECT
      order_id,
      JSON_VALUE(total, '$.currency_code') = user_currency AS is_currency,
      SAFE_CAST(JSON_VALUE(total, '$.units') AS INT64) AS units,
      COALESCE(SAFE_CAST(JSON_VALUE(total, '$.nanos') AS INT64), 0) AS nanos
    FROM told
  ),
  total AS (
    SELECT order_id, units, nanos
    FROM named
    WHERE is_currency AND units BETWEEN 0 AND 1000000000000 AND nanos BETWEEN 0 AND 999999999
  ),
  costs AS (
    SELECT
      order_id,
      shipping_cost.currency_code = user_currency AS is_currency,
      shipping_cost.units AS units,
      shipping_cost.nanos AS nanos,
      1 AS quantity
    FROM told
    UNION ALL
    SELECT
      order_id,
      it.cost.currency_code = user_currency AS is_currency,
      it.cost.units AS units,
      it.cost.nanos AS nanos,
      it.item.quantity AS quantity
    FROM told, UNNEST(items) AS it
  ),
  bounded AS (
    SELECT
      order_id,
      units,
      nanos,
      quantity,
      is_currency
        AND units BETWEEN 0 AND 1000000000000
        AND nanos BETWEEN 0 AND 999999999
        AND quantity BETWEEN 1 AND 10000 AS is_cost
    FROM costs
  ),
  made_up AS (
    SELECT
      order_id,
      SUM(IF(is_cost, units * quantity, 0)) AS units,
      SUM(IF(is_cost, nanos * quantity, 0)) AS nanos
    FROM bounded
    GROUP BY order_id
    HAVING COUNT(*) = SUM(IF(is_cost, 1, 0))
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
      IF(total.units IS NULL, made_up.units, total.units) AS units,
      IF(total.units IS NULL, made_up.nanos, total.nanos) AS nanos
    FROM told
    LEFT JOIN total ON total.order_id = told.order_id
    LEFT JOIN made_up ON made_up.order_id = told.order_id
  )
SELECT
  day,
  currency,
  COUNT(*) AS orders,
  SUM(units) + DIV(SUM(nanos), 1000000000) AS units,
  MOD(SUM(nanos), 1000000000) AS nanos
FROM paid
WHERE units IS NOT NULL
GROUP BY day, currency
