"""The server that the tests of stores share, and an empty bucket of it for each."""

from collections.abc import Iterator

import pytest

from tests.s3_server import Bucket, S3Server, s3_server, use_bucket


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture
def bucket(server: S3Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = server.make_bucket(f"test-{abs(hash(request.node.nodeid)):x}")
    use_bucket(made, monkeypatch)
    return made
