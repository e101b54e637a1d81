"""A data set in words and as a page of its own: what is in it, and what is wrong with it."""
