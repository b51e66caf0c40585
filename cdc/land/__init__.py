"""The landing transaction: units become mirror rows, journal, ledger and position, all or nothing."""
