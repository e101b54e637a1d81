#!/usr/bin/env python3
"""`tfmed run`, without installing tfmed; see `python run_all.py --help`."""

import sys

from tfmed.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
