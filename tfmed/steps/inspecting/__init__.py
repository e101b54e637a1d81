"""What finished classifiers look at, and what they withstand: jobs beside the study's question."""
