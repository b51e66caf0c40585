"""Mappings and folds as stewards write them, compiled."""
