"""A sample of the soak's fuzz of files that other programs write."""

from pathlib import Path

import pytest

from tests.soak.fuzz_parsers import PARSERS, try_inputs


@pytest.mark.parametrize("reader", PARSERS)
def test_changed_files_give_data_or_a_sentence(reader: str, tmp_path: Path) -> None:
    tried = try_inputs(reader, 0, 100, tmp_path)
    assert 0 < tried.refused < 100
