"""What to use with so many labels, and what more of them would bring."""
