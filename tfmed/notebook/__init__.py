"""What a notebook shows: results as data frames and figures, an answer, a bar while a run works."""
