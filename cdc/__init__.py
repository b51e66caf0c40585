"""The replication service: everything that touches the world (Kafka, databases, files, terminal)."""
