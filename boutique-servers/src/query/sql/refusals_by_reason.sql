SELECT
  to_char(refused_at, '%Y-%m-%d') AS day,
  reason,
  count(*) AS orders
FROM refusals_once
GROUP BY 1, 2
