"""What people and machines see of the service: logs, status."""
