"""The phantom: synthetic chest images, drawn where no real ones are at hand, then kept."""
