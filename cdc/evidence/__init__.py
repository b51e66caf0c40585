"""What proves what the service has done: it reads the journal, and never writes where landing and deriving do."""
