"""Objects are written whole or not at all; what breaks off is tested with the targets of deliveries."""

import pytest

from telemetry.stores import StoreError, open_object_store
from telemetry.stores.revisions import ReplacedMeanwhileError
from telemetry.stores.uploads import upload
from tests.s3_server import Bucket, error_body, needs_s3, refusing_server

pytestmark = needs_s3


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (403, "AccessDenied", "it refuses access (403). Check AWS_ACCESS_KEY_ID"),
        (404, "NoSuchUpload", "NO_SUCH_UPLOAD (HTTP status 404)"),
        (409, "OperationAborted", "OPERATION_ABORTED (HTTP status 409)"),
        (501, "NotImplemented", "it does not serve requests now (501)"),
    ],
)
def test_a_store_that_refuses_an_upload_says_nothing_of_other_machines(
    bucket: Bucket, status: int, code: str, sentence: str
) -> None:
    with refusing_server(status, error_body(code)) as endpoint, pytest.raises(StoreError) as caught:
        upload(open_object_store("s3://some-bucket", endpoint), "file", [b"content"])
    assert str(caught.value).startswith(f"s3://some-bucket/file: {sentence}")
    assert not isinstance(caught.value, ReplacedMeanwhileError)
