#!/usr/bin/env python3
"""Runs the study and writes the report; see `python run_all.py --help`."""

import sys

from tfmed.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
