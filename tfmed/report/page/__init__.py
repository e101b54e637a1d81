"""The report on screen and on paper: one HTML page, one PDF."""
