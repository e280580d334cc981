"""Imports go down only: cli, training, spotting, losses, models, the workshop, formats, recipes, errors."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORKSHOP = (
    "distributed",
    "skipping",
    "decoding",
    "video",
    "stretches",
    "extract",
    "clips",
    "augment",
    "bank",
    "onednn",
    "soft_targets",
    "neighbours",
)  # modules of comedian/ between models and formats
FLOORS = {
    "errors": 0,
    "version": 0,
    "recipes": 1,
    "formats": 2,
    **dict.fromkeys(WORKSHOP, 3),
    "models": 4,
    "losses": 5,
    "spotting": 6,
    "training": 7,
    "cli": 8,
}
FILES = sorted([*(ROOT / "comedian").rglob("*.py"), *(ROOT / "cli").glob("*.py")])


def floor_of(module: str) -> int:
    parts = module.split(".")
    return FLOORS[parts[1] if parts[0] == "comedian" else parts[0]]


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in ("comedian", "cli")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if path.name == "__init__.py":
        assert not path.read_text(), "package __init__ files stay empty"
        return
    for name in imported(path):
        assert floor_of(name) <= floor_of(module), f"{module} imports {name} from a higher floor"


def test_every_module_has_a_floor():
    names = {
        path.stem
        for path in (ROOT / "comedian").iterdir()
        if path.name not in ("__init__.py", "__pycache__")
    }
    assert names <= set(FLOORS)
