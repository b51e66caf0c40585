"""Plays the two legacy applications: creates and seeds their databases, then works on them as their users would.

Everything that is written is planned in memory first (`world`, `plan`), without a database and without a clock: the
n-th transaction of a run is the same for the same seed and the same history. `run` only paces the plan, executes it
and writes the log. The replication is not known here; what a row must look like to be refused by it is (`faults`).
"""
