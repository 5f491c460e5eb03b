"""Run the command line as ``python -m hiernlp.cli``."""

from hiernlp.cli import main

main()
