"""The derivation: canonical tables moved from one consistent cut of the mirrors to a later one."""
