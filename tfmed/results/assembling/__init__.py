"""From finished jobs to `results.json`."""
