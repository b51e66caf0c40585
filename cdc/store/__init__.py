"""The target database: connections and migrations."""
