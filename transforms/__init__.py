"""The field dictionary as pure Python: imports neither cdc nor kafka nor psycopg (a test enforces it)."""
