-- Tables that the open snapshot generation has begun to read, and whether each was read to its end: by that a worker that
-- was restarted knows a second attempt, whose log position need not be another one.
ALTER TABLE cdc.position ADD snapshot_tables jsonb NOT NULL DEFAULT '{}';
