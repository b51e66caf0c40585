-- A transaction that is too large for one batch lands as several, in one transaction of the target.

ALTER TABLE cdc.unit ADD COLUMN first_batch bigint; -- batch of its first events where that is not `batch`, of its last
