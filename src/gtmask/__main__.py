"""``python -m gtmask``."""

from gtmask.cli import main

main()
