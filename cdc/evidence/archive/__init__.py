"""The archive of the journal: months that have left the target."""
