"""What methods are built of: decoder, projection, random views."""
