"""Protection: who may do what in the target, what is shown of a value, and what can be read of it at all."""
