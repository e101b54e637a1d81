"""From finished jobs to `results.json` and the files beside it."""
