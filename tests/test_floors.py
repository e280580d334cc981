"""Imports go down only: each room of comedian/ uses those below it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = (  # from the ground up
    ("errors", "version", "progress", "plans", "interrupts", "devices", "machines", "distributed"),
    ("recipes",),
    ("formats",),
    ("losses",),
    ("video",),
    ("evaluation",),
    ("data",),
    ("models",),
    ("weights",),
    ("bank",),
    ("spotting",),
    ("training",),
    ("pages",),
    ("about",),
    ("api",),
    ("cli",),
    ("__main__",),
)
FLOORS = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
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
        assert module == "comedian.__init__" or not path.read_text(), "other __init__ files stay empty"
        return
    for name in imported(path):
        assert floor_of(name) <= floor_of(module), f"{module} imports {name} from a higher floor"


def test_every_room_has_a_floor():
    names = {
        path.stem
        for path in (ROOT / "comedian").iterdir()
        if path.name not in ("__init__.py", "__pycache__", "py.typed")
    }
    assert names <= set(FLOORS)
