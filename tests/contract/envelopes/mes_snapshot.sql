-- What the MES holds when the connector reads it for the first time.
INSERT INTO mes_wo (wo_id, wo_no, item_no, plan_qty, state, planned_date, started_at) VALUES (1, 'WO-1', 'M-100', 50, 'RUN', '2024-03-01', '2024-03-01 08:00:00.123456+08');
INSERT INTO mes_lot (lot_id, item_no, lot_no, wo_no, mfg_date, exp_date, qty, status) VALUES (1, 'M-100', 'L2401', 'WO-1', '2024-02-28', '2026-02-27', 50.5, 'Q');
INSERT INTO mes_sn (sn, item_no, lot_no, wo_no, status) VALUES ('SN0001', 'M-100', 'L2401', 'WO-1', 'WIP'), ('SN0002', 'M-100', 'L2401', NULL, 'WIP');
