"""All eight Debezium connectors in one Kafka Connect: what each of them knows, and what it says of its template."""
