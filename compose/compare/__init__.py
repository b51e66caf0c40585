"""The independent comparison: do mirrors, canonical tables, held rows and ledger say what the sources say?

It shares no code with the service (a test enforces it): plain SQL over the databases' own drivers, a Kafka reader of
its own, and the canonical tables written down a second time, by hand. What no longer stands in a source (the last
image of a deleted row, which rows were made wrong on purpose) it takes from the simulator's log.
"""
