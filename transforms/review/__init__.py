"""What stewards see before they sign: examples run, what depends on what, what a change means."""
