"""Packages that are not installed end in a sentence that names the extra."""

import sys
from pathlib import Path

import pytest

from telemetry.base.extras import MissingExtraError, describe_install, is_installed, require


def test_a_module_that_is_installed_is_handed_over() -> None:
    assert require("json", extra="parquet", purpose="Parquet").loads("[1]") == [1]
    assert is_installed("json")


def test_a_module_that_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError) as error:
        require("pyarrow.parquet", extra="parquet", purpose="Parquet")
    assert str(error.value) == (
        "Parquet needs pyarrow, which is not installed. Get it with: uv sync --inexact --extra parquet."
    )
    assert isinstance(error.value, ImportError)
    assert error.value.exit_code == 2
    assert not is_installed("pyarrow")


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("uv-receipt.toml", 'uv tool install ".[gym]" in the checkout'),
        ("pyproject.toml", "uv sync --inexact --extra gym"),
        ("pipx_metadata.json", 'pipx install --force ".[gym]" in the checkout'),
        ("none", 'pip install ".[gym]" in the checkout'),
    ],
)
def test_an_extra_is_installed_as_the_program_was(
    file: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr("telemetry.base.extras.CHECKOUT", tmp_path)
    assert describe_install("gym") == command


def test_a_library_that_is_broken_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_library.py").write_text("raise ImportError('libfoo.so.1: cannot open shared object file')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(MissingExtraError) as error:
        require("broken_library", extra="parquet", purpose="Parquet")
    assert str(error.value) == (
        "Parquet needs broken_library, which cannot be imported: libfoo.so.1: cannot open shared object file"
    )
