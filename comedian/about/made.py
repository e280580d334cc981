"""Who made a file, and from what."""

import json
from typing import Any


def made(provenance: str) -> dict[str, Any]:
    """`made_by` and `made_from` of a file, by its provenance (`comedian.formats.provenance`)."""
    try:
        told = json.loads(provenance or "{}")
    except (ValueError, RecursionError):
        told = {}
    if not isinstance(told, dict) or not told:
        return {"made_by": "", "made_from": []}
    parents = told.get("parents")
    parents = parents if isinstance(parents, list) else []
    return {
        "made_by": f"comedian {told.get('comedian', '')}: {told.get('command', '')}",
        "made_from": [parent for parent in parents if isinstance(parent, dict)],
    }
