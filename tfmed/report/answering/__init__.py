"""What a report opens with: the study's answer, and the words needed to read it."""
