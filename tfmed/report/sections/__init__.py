"""What the report says: blocks of text, tables and figures, a module for each section or two."""
