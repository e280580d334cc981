"""Spots of three classes."""

CLASSES = ("Goal", "Foul", "Corner")


def spot(position_ms, confidence=0.5, label="Goal", half=1):
    return {"half": half, "position_ms": position_ms, "label": label, "confidence": confidence}
