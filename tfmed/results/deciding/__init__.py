"""What a user with so many labels should use, by a declared rule over a study's results."""
