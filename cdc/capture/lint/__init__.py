"""Connector files checked without a network: what would lose, alter or leak, or not be understood."""
