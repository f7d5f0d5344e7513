-- Whoever publishes may say anything in an attribute: nonsense must not spoil what others say.
WITH
  said AS (
    SELECT
      order_id,
      UNIX_MICROS(publish_time) AS published_us,
      SAFE_CAST(JSON_VALUE(attributes, '$."occurred-at-us"') AS INT64) AS occurred_us
    FROM `{dataset}.orders_once`
  ),
  placed AS (
    SELECT
      order_id,
      IF(occurred_us BETWEEN 0 AND 253402300799999999, occurred_us, published_us) AS placed_us
    FROM said
  ),
  -- A shipment is reported again when it is delivered: it left once.
  shipped AS (
    SELECT order_id, system, shipment_id, MIN(UNIX_MICROS(shipped_at)) AS shipped_us
    FROM `{dataset}.shipments_once`
    WHERE shipped_at IS NOT NULL
    GROUP BY order_id, system, shipment_id
  ),
  taken AS (
    SELECT
      FORMAT_TIMESTAMP('%Y-%m-%d', TIMESTAMP_MICROS(placed_us)) AS day,
      system,
      shipped_us - placed_us AS us
    FROM shipped
    JOIN placed USING (order_id)
  ),
  ranked AS (
    SELECT
      day,
      system,
      us,
      ROW_NUMBER() OVER (PARTITION BY day, system ORDER BY us) AS place,
      COUNT(*) OVER (PARTITION BY day, system) AS shipments
    FROM taken
  )
SELECT
  day,
  system,
  COUNT(*) AS shipments,
  MIN(us) AS fastest_us,
  -- Nearest rank: the smallest that is not below the share asked for.
  MIN(IF(place = DIV((shipments * 50 + 99), 100), us, NULL)) AS median_us,
  MIN(IF(place = DIV((shipments * 95 + 99), 100), us, NULL)) AS p95_us,
  MAX(us) AS slowest_us
FROM ranked
GROUP BY day, system
