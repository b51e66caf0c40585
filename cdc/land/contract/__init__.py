"""Contracts while a stream lands: those in force, and how they follow the source's schema."""
