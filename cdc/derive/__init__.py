"""Deriving: canonical rows and held rows as a function of the mirrors, moved from one consistent cut to a later one."""
