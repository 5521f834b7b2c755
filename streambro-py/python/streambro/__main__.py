"""Lets `python -m streambro` be the console command."""

import sys

from streambro._command import main

if __name__ == "__main__":
    sys.exit(main())
