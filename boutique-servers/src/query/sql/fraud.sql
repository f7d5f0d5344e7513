WITH
  assessed AS (
    SELECT json_value(json_value(attributes, '$.risk'), '$.band') AS band, 0 AS fraud
    FROM orders_once
    UNION ALL
    SELECT
      risk_band AS band,
      CASE WHEN reason IN ('fraud', 'review_denied') THEN 1 ELSE 0 END AS fraud
    FROM refusals_once
  )
SELECT
  band,
  count(*) AS assessed,
  sum(fraud) AS refused,
  sum(fraud) * 1000000 / count(*) AS refused_ppm
FROM assessed
WHERE band IS NOT NULL
GROUP BY band
