"""The demo: both applications at work, the workers killed in the middle, everything compared at the end."""
