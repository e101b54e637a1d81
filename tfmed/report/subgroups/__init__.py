"""What the report says of groups of test images, and of gaps between them."""
