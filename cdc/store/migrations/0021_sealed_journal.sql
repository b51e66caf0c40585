-- Chunks of the journal sealed as refused records are, by the key of the most sensitive class of what is in them.
-- There is no foreign key: a month that is attached would lock cdc.data_key, and wait for whoever lands. Rows of that are
-- never removed, and a number that is none does not open.

ALTER TABLE cdc.journal ADD COLUMN data_key bigint;  -- what has sealed `chunk`; NULL: it is clear
ALTER TABLE cdc.archive ADD COLUMN data_key bigint;  -- what has sealed `last_record`, which is empty if that was shredded
