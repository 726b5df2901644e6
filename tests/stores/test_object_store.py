"""Addresses of stores, a store that serves, and the sentences about one that does not."""

import pickle
import re
import socket
from collections.abc import Callable

import pytest

from telemetry import UsageError
from telemetry.stores import ObjectStore, StoreError, is_object_store, open_object_store
from tests.s3_server import CREDENTIALS, Bucket, error_body, needs_s3, refusing_server


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)


def ask(store: ObjectStore) -> None:
    from pyarrow.fs import FileSelector

    with store.errors():
        store.filesystem.get_file_info(FileSelector(store.path("folder")))


def write(store: ObjectStore) -> None:
    with store.errors("object"), store.filesystem.open_output_stream(store.path("object")) as stream:
        stream.write(b"content")


@needs_s3
def test_an_object_is_written_and_read_under_its_prefix(bucket: Bucket) -> None:
    store = open_object_store(f"{bucket.url}/some/prefix/")
    assert (store.url, store.root) == (f"{bucket.url}/some/prefix", f"{bucket.name}/some/prefix")
    write(store)
    assert bucket.sizes() == {"some/prefix/object": 7}
    bucket.write("some/prefix/other", b"from another client")
    with store.filesystem.open_input_file(store.path("other")) as file:
        assert file.read() == b"from another client"


@needs_s3
def test_a_store_that_was_pickled_is_the_same(bucket: Bucket) -> None:
    write(pickle.loads(pickle.dumps(open_object_store(bucket.url))))
    assert bucket.read("object") == b"content"


@needs_s3
def test_what_is_not_there_stays_a_file_that_is_not_found(bucket: Bucket) -> None:
    store = open_object_store(bucket.url)
    with pytest.raises(FileNotFoundError), store.errors("missing"):
        store.filesystem.open_input_file(store.path("missing"))


@needs_s3
def test_a_bucket_that_is_not_there_is_named(bucket: Bucket) -> None:
    with pytest.raises(
        StoreError, match=r"^s3://no-such-bucket: there is no such bucket\. Make it, or name another one\.$"
    ):
        ask(open_object_store("s3://no-such-bucket"))


@needs_s3
@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("act", "status", "body", "sentence"),
    [
        (ask, 403, error_body("AccessDenied"), "it refuses access (403). Check AWS_ACCESS_KEY_ID"),
        (write, 403, b"", "it refuses access (403). Check AWS_ACCESS_KEY_ID"),
        (write, 403, error_body("InvalidAccessKeyId"), "it does not know these credentials."),
        (
            write,
            403,
            error_body("RequestTimeTooSkewed"),
            "is wrong by more than it allows. Set the time of this computer.",
        ),
        (ask, 503, error_body("SlowDown"), "it asks for fewer requests (slow down)."),
        (write, 503, b"", "it does not serve requests now (503)."),
        (write, 507, error_body("XMinioStorageFull"), "it is full (507). Make room there, or raise its quota."),
        (ask, 200, b"<html>Welcome</p>", "what answers there does not speak S3. Check the endpoint."),
    ],
)
def test_a_store_that_refuses_is_a_sentence(
    act: Callable[[ObjectStore], None], status: int, body: bytes, sentence: str
) -> None:
    with refusing_server(status, body) as endpoint, pytest.raises(StoreError, match=re.escape(sentence)) as caught:
        act(open_object_store("s3://bucket", endpoint))
    assert str(caught.value).startswith("s3://bucket")


@needs_s3
@pytest.mark.usefixtures("credentials")
def test_a_store_that_is_gone_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StoreError, match=r"^s3://bucket/object: it cannot be reached\.$"):
        write(open_object_store("s3://bucket", f"http://127.0.0.1:{port}"))


@needs_s3
@pytest.mark.usefixtures("credentials")
def test_a_host_that_nobody_has_is_a_sentence() -> None:
    with pytest.raises(StoreError, match="there is no host of that name, or no network"):
        ask(open_object_store("s3://bucket", "http://no-such-host.invalid"))


@pytest.mark.parametrize("url", ["s3://", "s3://B", "s3://bucket/a//b", "s3://bucket/../x", "https://bucket", "bucket"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"expected s3://bucket or s3://bucket/prefix\.$"):
        open_object_store(url)


def test_an_endpoint_that_is_none_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"ftp://nas is no endpoint of a store: expected an address like http://nas:9000"
    ):
        open_object_store("s3://bucket", "ftp://nas")


def test_an_address_is_told_from_a_folder() -> None:
    assert is_object_store("s3://bucket/prefix")
    assert not is_object_store("/mnt/share")
