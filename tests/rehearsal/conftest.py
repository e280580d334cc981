"""The budgets, in the summary of a run."""

import pytest

TOLD: dict[str, list[str]] = {}  # what was rehearsed -> what is told of it


@pytest.fixture
def tell(request):
    """tell(name, words): words about what is rehearsed, for the summary."""

    def add(name: str, words: str) -> None:
        TOLD.setdefault(name, []).append(words)

    return add


def pytest_terminal_summary(terminalreporter):
    if TOLD:
        terminalreporter.section("rehearsed on a pretended card")
    for name, words in TOLD.items():
        terminalreporter.write_line(f"{name:<32}{'; '.join(words)}")
