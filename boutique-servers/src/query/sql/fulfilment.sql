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
      CASE
        WHEN occurred_us BETWEEN 0 AND 253402300799999999 THEN occurred_us
        ELSE published_us
      END AS placed_us
    FROM said
  ),
  -- A shipment is reported again when it is delivered: it left once.
  shipped AS (
    SELECT order_id, system, shipment_id, min(CAST(shipped_at AS BIGINT)) AS shipped_us
    FROM shipments_once
    WHERE shipped_at IS NOT NULL
    GROUP BY order_id, system, shipment_id
  ),
  taken AS (
    SELECT
      to_char(to_timestamp_micros(placed_us), '%Y-%m-%d') AS day,
      system,
      shipped_us - placed_us AS us
    FROM shipped
    JOIN placed ON placed.order_id = shipped.order_id
  ),
  ranked AS (
    SELECT
      day,
      system,
      us,
      row_number() OVER (PARTITION BY day, system ORDER BY us) AS place,
      count(*) OVER (PARTITION BY day, system) AS shipments
    FROM taken
  )
SELECT
  day,
  system,
  count(*) AS shipments,
  min(us) AS fastest_us,
  -- Nearest rank: the smallest that is not below the share asked for.
  min(CASE WHEN place = (shipments * 50 + 99) / 100 THEN us END) AS median_us,
  min(CASE WHEN place = (shipments * 95 + 99) / 100 THEN us END) AS p95_us,
  max(us) AS slowest_us
FROM ranked
GROUP BY day, system
