"""What the report says and shows of single classes and findings."""
