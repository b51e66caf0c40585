"""Databases to be taken on: many generated tables of varied types, keys, names and foreign keys, and some that no
connector can have."""
