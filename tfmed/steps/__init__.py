"""The kinds of jobs: what each needs, costs and does."""
