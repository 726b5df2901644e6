"""Objects that several machines may replace."""

import pytest

from telemetry.stores import StoreError, open_object_store
from telemetry.stores.revisions import ReplacedMeanwhileError, find_revision, read_revision, replace_revision
from tests.s3_server import Bucket, error_body, needs_s3, refusing_server

pytestmark = needs_s3


def test_only_the_revision_that_was_read_is_replaced(bucket: Bucket) -> None:
    store = open_object_store(bucket.url)
    first = replace_revision(store, "state", b"first", None)
    assert read_revision(store, "state") == (b"first", first)
    second = replace_revision(store, "state", b"second", first)
    for late in (None, first):
        with pytest.raises(ReplacedMeanwhileError, match="state: another machine has replaced it"):
            replace_revision(store, "state", b"late", late)
    assert (bucket.read("state"), find_revision(store, "state")) == (b"second", second)


def test_what_somebody_removed_is_not_made_again_by_chance(bucket: Bucket) -> None:
    store = open_object_store(bucket.url)
    first = replace_revision(store, "state", b"first", None)
    bucket.client.delete_object(Bucket=bucket.name, Key="state")
    with pytest.raises(ReplacedMeanwhileError):
        replace_revision(store, "state", b"second", first)
    with pytest.raises(FileNotFoundError):
        read_revision(store, "state")


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (403, "AccessDenied", "it refuses access"),
        (403, "SignatureDoesNotMatch", "it does not know these credentials"),
        (404, "NoSuchBucket", "there is no such bucket"),
        (501, "NotImplemented", "this store has no conditional writes"),
        (507, "XMinioStorageFull", "it is full"),
    ],
)
def test_a_store_that_refuses_a_conditional_write_is_a_sentence(
    bucket: Bucket, status: int, code: str, sentence: str
) -> None:
    with (
        refusing_server(status, error_body(code)) as endpoint,
        pytest.raises(StoreError, match=f"^s3://some-bucket/state: {sentence}"),
    ):
        replace_revision(open_object_store("s3://some-bucket", endpoint), "state", b"", None)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "127.0.0.1:1", "http://no-such-host.invalid"])
def test_a_store_that_is_gone_is_a_sentence(bucket: Bucket, endpoint: str) -> None:
    with pytest.raises(StoreError, match=r"^s3://some-bucket/state: it cannot be reached\.$"):
        replace_revision(open_object_store("s3://some-bucket", endpoint), "state", b"", None)
