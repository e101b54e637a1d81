"""The figures of the report: each described once, by its family's module."""
