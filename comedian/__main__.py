"""`python -m comedian` is the command `comedian`."""

from comedian.cli._start import start

start("comedian")
