"""Packages below, so that what the tests of a folder share ends with the last of them, not with the session."""
