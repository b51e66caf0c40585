"""The DBA's one script for a source: account, grants, publication, and a replica identity where a table needs one."""
