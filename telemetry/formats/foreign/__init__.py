"""Tables that other programs wrote (CSV and Parquet): MoTeC i2's export, and logs of other readers of the game's pages.

Their columns become fields by the table of :mod:`telemetry.formats.foreign.names`, by MoTeC's channels, or by a file
that names them (:class:`telemetry.formats.foreign.column_map.ColumnMap`). They have the suffixes of our own tables:
``csv`` and ``parquet`` ask here what a file is.
"""
