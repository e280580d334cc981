"""How spots are suppressed; the windows are the paper's (section 4)."""

THRESHOLD = 0.001  # least confidence of a spot, before and after
WINDOW_SECONDS = {"soft": 10.0, "hard": 5.0, "peak": 5.0}  # full widths, by method
