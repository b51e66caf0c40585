-- What the application does while the connector streams. One statement per line; a transaction has its borders.
INSERT INTO mes_lot (lot_id, item_no, lot_no, qty, status) VALUES (2, 'M-101', '批次-2', 0.0001, 'Q');
INSERT INTO mes_genealogy VALUES (1, 'SN0001', 'M-200', 'R1', 2.5, '2024-03-01 09:00:00'), (2, 'SN0001', 'M-201', 'R2', -0.000001, '2024-03-01 09:00:00.000001');
-- an inspection with a note too long for its row, which the next updates leave as it is
BEGIN;
INSERT INTO mes_insp_h (insp_id, insp_no, insp_type, sn, item_no, lot_no, result, measured, measured_uom, evaluated_at, note) SELECT 1, 'IN-1', 'FQC', 'SN0001', 'M-100', 'L2401', 'PEND', 2.54, '厘米', '2024-03-02 10:00:00+01', string_agg(md5(i::text), '') FROM generate_series(1, 120) AS i;
INSERT INTO mes_insp_d (insp_id, line_no, item, test1, res1) VALUES (1, 1, '外观', '1.25', 'OK'), (1, 2, NULL, '', NULL);
UPDATE mes_sn SET status = 'OK', station = 'FQC' WHERE sn = 'SN0001';
COMMIT;
UPDATE mes_insp_h SET result = 'OK' WHERE insp_id = 1;
UPDATE mes_insp_h SET insp_id = 2, inspector = '李' WHERE insp_id = 1;
UPDATE mes_insp_h SET note = 'short' WHERE insp_id = 2;
-- raw label scans hold control characters
INSERT INTO mes_label VALUES (1, 'SN0001', E'(01)06901234567892\x1d10L2401\x1d21SN0001', 1, false, '2024-03-02 11:00:00+08'), (2, 'SN0002', '', 2, true, 'infinity');
-- a key change of the table that only has a unique index, alone and among other changes of the row
UPDATE mes_sn SET sn = 'SN0001A' WHERE sn = 'SN0001';
BEGIN;
UPDATE mes_sn SET sn = 'SN0002A' WHERE sn = 'SN0002';
UPDATE mes_sn SET rework_count = rework_count + 1 WHERE sn = 'SN0002A';
COMMIT;
-- delete and insert again in one transaction
BEGIN;
DELETE FROM mes_lot WHERE lot_id = 2;
INSERT INTO mes_lot (lot_id, item_no, lot_no, qty, status) VALUES (2, 'M-101', '批次-2', 7, 'OK');
COMMIT;
DELETE FROM mes_sn WHERE sn = 'SN0002A';
-- rolled back: nothing of it is in the log; a savepoint: a part is not
BEGIN;
INSERT INTO mes_wo (wo_id, wo_no, item_no, state) VALUES (8, 'WO-8', 'M-100', 'NEW');
ROLLBACK;
BEGIN;
INSERT INTO mes_wo (wo_id, wo_no, item_no, state) VALUES (9, 'WO-9', 'M-100', 'NEW');
SAVEPOINT here;
INSERT INTO mes_wo (wo_id, wo_no, item_no, state) VALUES (10, 'WO-10', 'M-100', 'NEW');
ROLLBACK TO here;
COMMIT;
-- a column comes while the connector runs
ALTER TABLE mes_wo ADD COLUMN shift varchar(4) DEFAULT 'A';
UPDATE mes_wo SET shift = 'B' WHERE wo_id = 9;
-- a table that is not captured, and a transaction that touches it and one that is
CREATE TABLE scratch (id int PRIMARY KEY);
BEGIN;
INSERT INTO scratch VALUES (1);
UPDATE mes_wo SET done_qty = 1.5 WHERE wo_id = 1;
COMMIT;
DROP TABLE scratch;
-- messages of somebody else in the log
SELECT pg_logical_emit_message(false, 'app', 'outside');
BEGIN;
SELECT pg_logical_emit_message(true, 'app', 'inside');
UPDATE mes_wo SET done_qty = 2 WHERE wo_id = 1;
COMMIT;
-- every row of a table at once
TRUNCATE mes_genealogy;
BEGIN;
TRUNCATE mes_label, mes_insp_d;
INSERT INTO mes_label VALUES (3, 'SN0001A', 'x', 1, false, '2024-03-03 00:00:00+00');
COMMIT;
