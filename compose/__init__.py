"""The demo: a local stack without Docker, two legacy applications, and one command that shows it all."""
