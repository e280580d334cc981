"""`python -m comedian` is the command `comedian`."""

from comedian.cli._umbrella import main

main()
