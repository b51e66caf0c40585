"""The local stack: broker, Connect, MariaDB (ERP) and two PostgreSQL servers (MES, target) as plain child processes.

Nothing listens but on 127.0.0.1, nothing is written but under CDC_LOCAL, and no process is ended that is not
provably ours.
"""
