"""What is read is data: nothing in the product turns a file's bytes into code."""

import ast
from pathlib import Path

from tests.conftest import REPOSITORY

CODE_AS_DATA = {"_pickle", "cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
GRID = Path("telemetry", "rl", "acgym", "files.py")
"""It writes a file for assetto_corsa_gym, which wants pickle, and reads none."""

PRODUCT = [*REPOSITORY.glob("telemetry/**/*.py"), REPOSITORY / "ac_native_memory.py", REPOSITORY / "main.py"]


def test_no_file_of_the_product_reads_pickles() -> None:
    found = {path.relative_to(REPOSITORY): names for path in PRODUCT if (names := names_of_pickle(path))}
    assert found == {GRID: {"pickle", "pickle.dumps"}}


def names_of_pickle(path: Path) -> set[str]:
    """The modules in a file that turn bytes into code, and what it uses of them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        match node:
            case ast.Import(names=modules):
                names |= {module.name for module in modules if module.name.partition(".")[0] in CODE_AS_DATA}
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in CODE_AS_DATA:
                names.add(f"from {module}")
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in CODE_AS_DATA:
                names.add(f"{module}.{name}")
            case ast.keyword(arg="allow_pickle", value=value) if not is_false(value):
                names.add("allow_pickle")
    return names


def is_false(value: ast.expr) -> bool:
    """Whether this says False and nothing else."""
    return isinstance(value, ast.Constant) and value.value is False
