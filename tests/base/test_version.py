"""The version is stated once."""

import sys
from importlib.metadata import version

import pytest

from telemetry.base.version import VERSION


@pytest.mark.skipif(sys.platform == "win32", reason="the Windows Python of scripts/test-windows has only the checkout")
def test_the_installed_package_has_the_version_that_the_code_states() -> None:
    assert version("ac-telemetry") == VERSION
