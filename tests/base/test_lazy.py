"""The lazy face of the package: it loads nothing that it does not need, and hides nothing from type checkers."""

import ast
import json
import subprocess
import sys
from importlib import import_module

import pytest

import telemetry
from tests.conftest import REPOSITORY

HEAVY = ("mcap", "numpy", "orjson", "pyarrow", "rich", "typer", "websockets", "zstandard")

LAZY_PACKAGES = sorted(
    ".".join(path.parent.relative_to(REPOSITORY).parts)
    for path in (REPOSITORY / "telemetry").rglob("__init__.py")
    if "lazy_attributes(" in path.read_text(encoding="utf-8")
)


def modules_after(statement: str) -> set[str]:
    """The top-level packages that a fresh Python has loaded after a statement."""
    program = f"{statement}; import json, sys; print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=120, check=True)
    return set(json.loads(result.stdout))


@pytest.mark.parametrize("statement", ["import telemetry", "import telemetry; telemetry.Clock"])
def test_importing_the_package_loads_no_heavy_library(statement: str) -> None:
    assert modules_after(statement).isdisjoint(HEAVY)


@pytest.mark.parametrize("package", LAZY_PACKAGES)
def test_every_name_comes_from_the_module_that_type_checkers_see(package: str) -> None:
    tree = ast.parse((REPOSITORY / package.replace(".", "/") / "__init__.py").read_text(encoding="utf-8"))
    (guard,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {
        alias.name: node.module for node in guard.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    face = import_module(package)
    constants_first = sorted(imported, key=lambda name: (not name.isupper(), name))
    assert constants_first == face.__all__
    for name, home in imported.items():
        assert home is not None
        assert getattr(face, name) is getattr(import_module(home), name)


def test_what_the_package_does_not_offer_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'telemetry' has no attribute 'Recordr'$"):
        getattr(telemetry, "Recordr")  # noqa: B009 - a type checker would refuse the attribute
    assert set(telemetry.__all__) <= set(dir(telemetry))


def test_one_sample_of_the_demo_needs_no_numpy() -> None:
    program = (
        "import sys; sys.argv = ['main.py', 'read', '--samples', '1', '--source', 'demo', '--json-output', '-']\n"
        "from telemetry.cli import main\n"
        "main()\n"
        "sys.exit('numpy' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["car_model"] == "demo_gt3"
