"""Image files to arrays: reading, and the steps that make pictures of one kind of them."""
