-- What the application does while the connector streams. One statement per line; a transaction has its borders.
INSERT INTO t_Organization (FItemID, FNumber, FName, FCountry, FCreditAmt) VALUES (200, 'C-200', 'Klinikum Süd', '德国', 99999999999999999.1234567891);
INSERT INTO t_Organization (FItemID, FNumber, FName, FCountry) VALUES (201, 'C-201', '第一医院', '中国'), (202, 'C-202', NULL, NULL);
-- a bill with its entries, two tables in one transaction; the zero dates are the application's "none"
BEGIN;
INSERT INTO ICStockBill (FInterID, FTranType, FBillNo, FDate, FCheckerID, FUpStockWhenSave) VALUES (1000, 2, 'CIN-1000', '2024-03-01 08:00:00', NULL, b'1');
INSERT INTO ICStockBillEntry (FInterID, FEntryID, FItemID, FQty, FAuxQty, FUnitID, FBatchNo, FKFDate, FPeriodDate) VALUES (1000, 1, 100, 20, 20, 1, 'L2402', '2024-02-28 00:00:00', '2026-02-27 00:00:00');
INSERT INTO ICStockBillEntry (FInterID, FEntryID, FItemID, FQty, FAuxQty, FUnitID) VALUES (1000, 2, 101, 5, 0.5, 2);
UPDATE t_ICItem SET FPlanPrice = 12.75 WHERE FItemID = 100;
COMMIT;
-- a zero date where NULL is not allowed, a date of the year 24
INSERT INTO ICStockBill (FInterID, FTranType, FBillNo, FDate, FCheckDate) VALUES (1001, 1, 'WIN-1001', '0000-00-00 00:00:00', '0024-01-02 03:04:05');
-- approved long after its entries
UPDATE ICStockBill SET FCheckerID = 7, FCheckDate = '2024-03-05 17:30:59' WHERE FInterID = 1000;
-- a key change, alone and among other changes of the row
UPDATE t_Stock SET FItemID = 11 WHERE FItemID = 10;
BEGIN;
UPDATE t_Stock SET FItemID = 12, FName = '待检仓' WHERE FItemID = 11;
UPDATE t_Stock SET FDeleted = 1 WHERE FItemID = 12;
COMMIT;
-- the table whose key is declared: an update, a change of its key, a delete
UPDATE ICInventory SET FQty = 39.5, FBal = -0.01 WHERE FItemID = 100;
UPDATE ICInventory SET FBatchNo = 'L2402' WHERE FItemID = 100;
DELETE FROM ICInventory WHERE FItemID = 101;
-- delete and insert again in one transaction
BEGIN;
DELETE FROM t_Organization WHERE FItemID = 202;
INSERT INTO t_Organization (FItemID, FNumber, FName) VALUES (202, 'C-202', 'Clínica Norte');
COMMIT;
DELETE FROM t_Organization WHERE FItemID = 201;
-- rolled back: nothing of it is in the log; a savepoint: a part is not
BEGIN;
INSERT INTO t_Supplier (FItemID, FNumber) VALUES (300, 'V-300');
ROLLBACK;
BEGIN;
INSERT INTO t_Supplier (FItemID, FNumber, FName) VALUES (301, 'V-301', '供应商');
SAVEPOINT here;
INSERT INTO t_Supplier (FItemID, FNumber) VALUES (302, 'V-302');
ROLLBACK TO here;
COMMIT;
-- a column comes while the connector runs
ALTER TABLE t_Supplier ADD COLUMN FEmail varchar(60) NULL DEFAULT 'none';
UPDATE t_Supplier SET FEmail = 'post@example.org' WHERE FItemID = 301;
INSERT INTO t_Supplier (FItemID, FNumber) VALUES (303, 'V-303');
-- a table that is not captured, and a transaction that touches it and one that is
CREATE TABLE scratch (id int PRIMARY KEY) ENGINE=InnoDB;
INSERT INTO scratch VALUES (1);
BEGIN;
INSERT INTO scratch VALUES (2);
UPDATE t_Supplier SET FShortName = 'V' WHERE FItemID = 303;
COMMIT;
DROP TABLE scratch;
-- statements that are in the log and change no row
CREATE VIEW names AS SELECT FNumber FROM t_Stock;
DROP VIEW names;
ANALYZE TABLE t_Stock;
-- every row of a table at once, both ways
DELETE FROM ICStockBillEntry;
TRUNCATE TABLE t_Organization;
INSERT INTO t_Organization (FItemID, FNumber) VALUES (210, 'C-210');
