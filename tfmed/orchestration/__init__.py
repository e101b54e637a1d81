"""From a study to its report: the plan of its jobs, and their run."""
