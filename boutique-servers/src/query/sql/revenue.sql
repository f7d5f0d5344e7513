-- Whoever publishes may say anything. A total that is none is made up from the costs; an order
-- whose costs are none is booked by nobody and left out. The bounds are those of an amount and of
-- a line.
WITH
  told AS (
    SELECT
      *,
      try_cast(json_value(attributes, '$."occurred-at-us"') AS BIGINT) AS occurred_us,
      CAST(publish_time AS BIGINT) AS published_us,
      json_value(attributes, '$.total') AS total
    FROM orders_once
  ),
  named AS (
    SELECT
      order_id,
      json_value(total, '$.currency_code') = user_currency AS is_currency,
      try_cast(json_value(total, '$.units') AS BIGINT) AS units,
      coalesce(try_cast(json_value(total, '$.nanos') AS BIGINT), 0) AS nanos
    FROM told
  ),
  total AS (
    SELECT order_id, units, nanos
    FROM named
    WHERE is_currency AND units BETWEEN 0 AND 1000000000000 AND nanos BETWEEN 0 AND 999999999
  ),
  items AS (
    SELECT order_id, user_currency, unnest(items) AS it
    FROM told
  ),
  costs AS (
    SELECT
      order_id,
      shipping_cost['currency_code'] = user_currency AS is_currency,
      shipping_cost['units'] AS units,
      shipping_cost['nanos'] AS nanos,
      1 AS quantity
    FROM told
    UNION ALL
    SELECT
      order_id,
      it['cost']['currency_code'] = user_currency AS is_currency,
      it['cost']['units'] AS units,
      it['cost']['nanos'] AS nanos,
      it['item']['quantity'] AS quantity
    FROM items
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
      sum(CASE WHEN is_cost THEN units * quantity ELSE 0 END) AS units,
      sum(CASE WHEN is_cost THEN nanos * quantity ELSE 0 END) AS nanos
    FROM bounded
    GROUP BY order_id
    HAVING count(*) = sum(CASE WHEN is_cost THEN 1 ELSE 0 END)
  ),
  paid AS (
    SELECT
      to_char(
        to_timestamp_micros(
          CASE
            WHEN occurred_us BETWEEN 0 AND 253402300799999999 THEN occurred_us
            ELSE published_us
          END
        ),
        '%Y-%m-%d'
      ) AS day,
      user_currency AS currency,
      CASE WHEN total.units IS NULL THEN made_up.units ELSE total.units END AS units,
      CASE WHEN total.units IS NULL THEN made_up.nanos ELSE total.nanos END AS nanos
    FROM told
    LEFT JOIN total ON total.order_id = told.order_id
    LEFT JOIN made_up ON made_up.order_id = told.order_id
  )
SELECT
  day,
  currency,
  count(*) AS orders,
  sum(units) + sum(nanos) / 1000000000 AS units,
  sum(nanos) % 1000000000 AS nanos
FROM paid
WHERE units IS NOT NULL
GROUP BY day, currency
