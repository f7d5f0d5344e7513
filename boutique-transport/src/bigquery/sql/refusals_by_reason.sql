SELECT
  FORMAT_TIMESTAMP('%Y-%m-%d', refused_at) AS day,
  reason,
  COUNT(*) AS orders
FROM `{dataset}.refusals_once`
GROUP BY day, reason
