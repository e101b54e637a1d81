"""What the report says of where classifiers look and of what they withstand."""
