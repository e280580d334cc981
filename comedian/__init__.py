"""COMEDIAN finds when things happen in sports video: `load_spotter`, `spot`, `evaluate`.

Nothing is imported before it is used, so that `import comedian` costs nothing.
"""

TYPE_CHECKING = False  # as typing's, which takes longer to import than this
if TYPE_CHECKING:
    from comedian.api import evaluate, load_spotter, spot
    from comedian.version import VERSION as __version__

__all__ = ["__version__", "evaluate", "load_spotter", "spot"]


def __getattr__(name: str) -> object:
    """The names of the front door (PEP 562)."""
    if name == "__version__":
        from comedian.version import VERSION

        return VERSION
    if name in __all__:
        from comedian import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
