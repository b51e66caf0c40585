"""Mappings drafted for a steward out of what is known of a source table; every guess says why."""
