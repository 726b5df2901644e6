"""SQL over a catalog: DuckDB in this process, which may read the catalog's files and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry.base.errors import SourceError, TelemetryError, UsageError
from telemetry.base.extras import require
from telemetry.catalog.ranges import PROTOCOL, OpenFiles, make_filesystem
from telemetry.catalog.s3 import S3Store
from telemetry.catalog.shards import shard_schema
from telemetry.catalog.state import CatalogState
from telemetry.catalog.store import PURPOSE, Place, as_store
from telemetry.catalog.tables import LAP_COLUMNS, RECORDING_COLUMNS, make_table
from telemetry.fields.selection import select

if TYPE_CHECKING:
    import pyarrow as pa


def run_query(place: Place, state: CatalogState, sql: str) -> "pa.Table":
    """The result of one SELECT over ``laps``, ``samples`` and ``recordings``.

    Nothing can be written, and no other file or address be read. Raises :class:`telemetry.UsageError` for SQL that is
    wrong, and :class:`telemetry.SourceError` where a file of samples has gone or is damaged.
    """
    store = as_store(place)
    duckdb = require("duckdb", extra="catalog", purpose=PURPOSE)
    pyarrow = require("pyarrow", extra="catalog", purpose=PURPOSE)
    named = {view for view in ("laps", "recordings", "samples") if view in sql.casefold()}  # the others stay empty
    asks_samples = bool(state.shards) and "samples" in named
    files = None
    if isinstance(store, S3Store):
        files = OpenFiles(store, {name: row["size"] for name, row in state.shards.items()})
        paths = [f"{PROTOCOL}://{name}" for name in sorted(state.shards)]
    else:
        paths = [Path(store.locate(name)).absolute().as_posix() for name in sorted(state.shards)]
        gone = next((path for path in paths if not Path(path).is_file()), None)
        if gone is not None and asks_samples:  # the laps can still be asked
            raise SourceError(f"The samples {gone} have gone. See: catalog check.")
    with duckdb.connect(":memory:") as connection, _reasons_of(files):
        for view, rows, columns in (
            ("laps", state.laps, LAP_COLUMNS),
            ("recordings", state.recordings, RECORDING_COLUMNS),
        ):
            connection.register(view, make_table(pyarrow, rows if view in named else (), columns))
        if files is not None and asks_samples:
            connection.register_filesystem(make_filesystem(files))
        connection.execute("SET parquet_metadata_cache = true")  # else the footers are read for the view, and again
        _lock_in(connection, paths)
        if asks_samples:
            listed = ", ".join(_quote(path) for path in paths)
            _try(duckdb, lambda: connection.execute(f"CREATE VIEW samples AS FROM read_parquet([{listed}])"))
        else:
            connection.register("samples", shard_schema(pyarrow, select(state.fields)).empty_table())
        statements = _try(duckdb, lambda: connection.extract_statements(sql))
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise UsageError('A catalog is asked, not changed: say one statement, like "select * from laps".')
        return _try(duckdb, lambda: connection.sql(sql).to_arrow_table())


@contextmanager
def _reasons_of(files: OpenFiles | None) -> Iterator[None]:
    """An error inside is what happened to a file of a store, where something did: DuckDB tells it as a traceback."""
    try:
        yield
    except TelemetryError as error:
        raise (files.problem if files is not None and files.problem else error) from error


def _lock_in(connection: Any, paths: list[str]) -> None:
    """Let SQL read these files alone, and change none of that."""
    listed = ", ".join(_quote(path) for path in paths)
    connection.execute(f"SET allowed_paths = [{listed}]")
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _try(duckdb: Any, call: Any) -> Any:
    try:
        return call()
    except duckdb.Error as error:
        is_damaged = isinstance(error, duckdb.IOException) or ".parquet" in str(error)
        if is_damaged and not isinstance(error, duckdb.PermissionException):
            raise SourceError(
                f"Samples of the catalog cannot be read: {_describe(error)} See: catalog check."
            ) from error
        raise UsageError(f"This SQL cannot be run: {_describe(error)}") from error


def _describe(error: Exception) -> str:
    """What DuckDB says, with the names that it proposes, as sentences; without the picture of the place."""
    said, _, proposed = str(error).partition("\n\n")[0].partition("\n")
    names = proposed.removeprefix("Candidate bindings: ").removeprefix("Did you mean ").rstrip("?")
    return f"{said.rstrip('.!')}." + (f" Did you mean {names}?" if names else "")


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
