"""What the report says and shows of pretraining without labels."""
