-- Of each key the row that was published first: message ids are numbers written as text.
SELECT *
FROM `{dataset}.{table}`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY {key}
  ORDER BY publish_time, LENGTH(message_id), message_id
) = 1
