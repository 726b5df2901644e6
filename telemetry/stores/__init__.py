"""Stores: places for files that many machines share, like ``s3://bucket/prefix``.

``object_store.py`` opens one that speaks S3, and ``failures.py`` says in sentences what went wrong there.
"""

from telemetry.stores.failures import StoreError
from telemetry.stores.object_store import ObjectStore, is_object_store, open_object_store

__all__ = ["ObjectStore", "StoreError", "is_object_store", "open_object_store"]
