"""`python -m comedian` is the command `comedian`; in a checkout the commands lie in cli/."""

from importlib import import_module
from importlib.util import find_spec

import_module("comedian.cli._umbrella" if find_spec("comedian.cli") else "cli._umbrella").main()
