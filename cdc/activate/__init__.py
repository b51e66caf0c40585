"""Another dictionary is put in force: its tables are built beside those that consumers read, and change places."""
