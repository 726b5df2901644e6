"""The version is stated once."""

from importlib.metadata import version

from telemetry.base.version import VERSION


def test_the_installed_package_has_the_version_that_the_code_states() -> None:
    assert version("ac-telemetry") == VERSION
