"""Starts bqemulator 1.4.0, a BigQuery emulator on DuckDB, as the tests need it.

usage: bigquery_emulator.py REST_PORT GRPC_PORT, with the package in the interpreter's path. Nobody
asks by gRPC, but the package has no start without.

What is mended here is what the package does otherwise than Google's service, as far as we use it;
what the service refuses and the package takes (rows that do not fit) stays, and nothing of ours
may rely on it. Each part says what would happen without it.
"""

import sys
from uuid import uuid4

from fastapi import APIRouter, Depends, Request

from bqemulator.api.dependencies import get_context
from bqemulator.api.routes import tables
from bqemulator.cli import main
from bqemulator.jobs.executor import execute_query_job
from bqemulator.storage.engine import DuckDBEngine
from bqemulator.storage.sql_identifiers import quoted_table_ref
from bqemulator.storage.type_map import bq_schema_to_duckdb_columns


def without_downloads():
    """DuckDB's extensions for GEOGRAPHY and Avro come from a server of their own at every start;
    where it cannot be reached the emulator ends. We use neither."""
    DuckDBEngine._load_spatial = lambda engine: None
    DuckDBEngine._load_format_extensions = lambda engine: None


def tables_as_the_service_keeps_them():
    """A view made through `tables` is an empty table that does not tell its query, and a column
    that is added to a schema is not added to the data."""
    to_rest = tables._table_to_rest

    def told(table):
        body = to_rest(table)
        if table.view_query:
            body["view"] = {"query": table.view_query, "useLegacySql": False}
        return body

    tables._table_to_rest = told
    ours = APIRouter()
    path = "/projects/{project_id}/datasets/{dataset_id}/tables"

    @ours.post(path)
    async def insert(project_id: str, dataset_id: str, request: Request, ctx=Depends(get_context)):
        body = await request.json()
        table_id = body.get("tableReference", {}).get("tableId", "")
        known = ctx.catalog.get_table(project_id, dataset_id, table_id)
        if known is not None or "view" not in body:
            return await tables.insert_table(project_id, dataset_id, request, ctx)
        return await keep_view(project_id, dataset_id, table_id, body, ctx)

    @ours.patch(path + "/{table_id}")
    async def patch(
        project_id: str, dataset_id: str, table_id: str, request: Request, ctx=Depends(get_context)
    ):
        body = await request.json()
        known = ctx.catalog.get_table(project_id, dataset_id, table_id)
        if known is not None and "view" in body:
            return await keep_view(project_id, dataset_id, table_id, body, ctx)
        fields = body.get("schema", {}).get("fields")
        if known is not None and fields:
            have = {it.name for it in known.schema_.fields}
            table = quoted_table_ref(project_id, dataset_id, table_id)
            async with ctx.engine.write_lock():
                for name, kind in bq_schema_to_duckdb_columns(fields):
                    kind = kind.replace(" NOT NULL", "")
                    if name in have:
                        how = f'ALTER COLUMN "{name}" SET DATA TYPE {kind}'
                    else:
                        how = f'ADD COLUMN "{name}" {kind}'
                    ctx.engine.execute(f"ALTER TABLE {table} {how}")
        return await tables.patch_table(project_id, dataset_id, table_id, request, ctx)

    async def keep_view(project_id, dataset_id, table_id, body, ctx):
        query = body["view"]["query"]
        before = ctx.catalog.get_table(project_id, dataset_id, table_id)
        description = body.get("description", before and before.description)
        name = f"`{project_id}.{dataset_id}.{table_id}`"
        ddl = f"CREATE OR REPLACE VIEW {name} AS {query}"
        await execute_query_job(project_id, f"view_{uuid4().hex}", ddl, None, ctx)
        made = ctx.catalog.get_table(project_id, dataset_id, table_id)
        said = {"view_query": query, "description": description}
        return told(ctx.catalog.update_table(made.model_copy(update=said)))

    # The first route that fits answers.
    mended = APIRouter(prefix="/bigquery/v2")
    mended.include_router(ours)
    tables.router.routes[:0] = mended.routes


if __name__ == "__main__":
    _, rest, grpc = sys.argv
    without_downloads()
    tables_as_the_service_keeps_them()
    main(["start", "--rest-port", rest, "--grpc-port", grpc, "--ephemeral", "--log-level", "WARNING"])
