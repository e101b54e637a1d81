"""The study file: what can be set, its defaults, and how it is checked."""
