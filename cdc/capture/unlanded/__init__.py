"""Products whose connectors are rendered and checked, and whose changes the service does not land."""
