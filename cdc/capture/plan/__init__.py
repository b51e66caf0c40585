"""What `cdc connectors apply` would do, found out before anything is done: differences, what they lead to, steps."""
