"""The catalog: the laps of many recordings in one folder, to ask across all of them.

The recordings stay the truth; a catalog is derived from them and can be made again at any time. In its folder are

* ``catalog.json``: which recordings, laps and files belong to it (``state.py``). Replacing this file is the one moment
  in which a change happens; before it the old catalog is whole, and after it the new one.
* ``samples/TRACK/*.parquet``: samples of laps at one rate, a row group for each lap (``shards.py``).
* ``laps.parquet`` and ``recordings.parquet``: the same tables as in ``catalog.json``, for other programs.

``store.py`` says where these files lie. ``read.py`` makes rows and samples of one recording, ``change.py`` adds and
removes, ``filters.py`` chooses laps, ``query.py`` lets DuckDB ask, and ``check.py`` compares every file with what is
known of it.
"""
