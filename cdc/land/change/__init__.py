"""What a batch does to the rows of its tables: events decoded, put in order, completed and folded."""
