WITH
  assessed AS (
    -- Whoever publishes may say anything: a risk that is none must not spoil the others.
    SELECT
      JSON_VALUE(SAFE.PARSE_JSON(JSON_VALUE(attributes, '$.risk')), '$.band') AS band,
      0 AS fraud
    FROM `{dataset}.orders_once`
    UNION ALL
    SELECT risk_band AS band, IF(reason IN ('fraud', 'review_denied'), 1, 0) AS fraud
    FROM `{dataset}.refusals_once`
  )
SELECT
  band,
  COUNT(*) AS assessed,
  SUM(fraud) AS refused,
  DIV(SUM(fraud) * 1000000, COUNT(*)) AS refused_ppm
FROM assessed
WHERE band IS NOT NULL
GROUP BY band
