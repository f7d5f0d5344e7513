"""Reads the orders of a warehouse with DuckDB and with pyarrow, and prints what each found."""

import datetime
import json
import sys

import duckdb
import pyarrow.compute as pc
import pyarrow.dataset as ds

folder = sys.argv[1]
pattern = f"{folder}/orders/*/*.parquet"
epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
microsecond = datetime.timedelta(microseconds=1)

orders = duckdb.connect()
# Of the extensions that come apart from the package none is asked for.
orders.execute("SET autoinstall_known_extensions = false")
orders.execute(
    f"CREATE VIEW orders AS SELECT * FROM read_parquet('{pattern}', hive_partitioning = true)"
)
found = orders.sql(
    """
    SELECT count(*), count(DISTINCT order_id),
           (SELECT sum(it.cost.units)::BIGINT FROM (SELECT unnest(items) AS it FROM orders)),
           max(epoch_us(publish_time)),
           count(*) FILTER (publish_day = '2010-11-30'),
           any_value(shipping_address.city) FILTER (order_id = 'o-3-1'),
           any_value(attributes) FILTER (order_id = 'o-3-1')
    FROM orders
    """
).fetchone()
# The view that has each order once, as the README has it.
once = orders.sql(
    """
    SELECT count(*), count(DISTINCT order_id) FROM (
      SELECT * FROM orders
      QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY publish_time, length(message_id), message_id) = 1
    )
    """
).fetchone()
assert once[0] == once[1] == found[1], once
print("duckdb", json.dumps([*found[:6], json.loads(found[6])["ce-subject"]]))

table = ds.dataset(f"{folder}/orders", partitioning="hive", format="parquet", exclude_invalid_files=True).to_table()
items = pc.list_flatten(table["items"])
units = pc.struct_field(pc.struct_field(items, "cost"), "units")
latest = pc.max(table["publish_time"]).as_py()
one = table.filter(pc.field("order_id") == "o-3-1").to_pylist()[0]
found = [
    table.num_rows,
    pc.count_distinct(table["order_id"]).as_py(),
    pc.sum(units).as_py(),
    (latest - epoch) // microsecond,
    table.filter(pc.field("publish_day").cast("string") == "2010-11-30").num_rows,
    one["shipping_address"]["city"],
    json.loads(one["attributes"])["ce-subject"],
]
print("pyarrow", json.dumps(found))
