"""What mappings are written in terms of: fields, code sets, units, sources, codes."""
