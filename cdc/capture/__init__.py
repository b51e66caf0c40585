"""Kafka Connect and the source catalogues: what is captured, and the contracts by which it is decoded."""
