"""Values: exact numbers, texts, moments, identifiers, and their kinds."""
