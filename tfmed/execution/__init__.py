"""Jobs, where their results are kept, and what does them."""
