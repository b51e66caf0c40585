"""Files of a dictionary: strict YAML with places, layered folders."""
