"""The ordered stream of one source: Kafka records in, decoded changes grouped into units out."""
