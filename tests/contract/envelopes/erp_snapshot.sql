-- What the ERP holds when the connector reads it for the first time.
INSERT INTO t_MeasureUnit (FItemID, FNumber, FName, FStandard) VALUES (1, 'PCS', '个', 1), (2, 'BOX', '盒', 0);
INSERT INTO t_ICItem (FItemID, FNumber, FName, FModel, FUnitID, FISKFPeriod, FKFPeriod, FBatchManager, FInspection, FPlanPrice, F_UDIDI)
VALUES (100, 'M-100', '一次性使用导管', 'Ø2.0 × 30 cm', 1, 1, 730, 1, b'1', 12.5, '06901234567892'),
       (101, 'M-101  ', '镍钛支架', NULL, 2, 0, NULL, 0, b'0', NULL, NULL);
UPDATE t_ICItem SET FLastCheckDate = '2024-02-29 13:14:15' WHERE FItemID = 101;
INSERT INTO t_Stock (FItemID, FNumber, FName, FIsStockMgr) VALUES (10, 'S-10', '成品仓', b'1');
INSERT INTO ICInventory (FItemID, FStockID, FBatchNo, FQty, FBal) VALUES (100, 10, 'L2401', 40, 500.00), (101, 10, '', 0.0000000001, NULL);
