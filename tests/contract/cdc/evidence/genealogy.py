"""Canonical tables of a genealogy, as the packaged dictionary has them, as far as it goes.

A lot of screws is in two pumps, which are a lot of their own; one pump is shipped, one is not, and some screws are
shipped without serial numbers.
"""

from __future__ import annotations

_TABLES = """
CREATE SCHEMA trace;
CREATE TABLE trace.party (party_id text PRIMARY KEY, name text, country text, STAMPS);
CREATE TABLE trace.material (material_id text PRIMARY KEY, udi_di text, STAMPS);
CREATE TABLE trace.material_lot (material_id text, lot_number text, STAMPS, PRIMARY KEY (material_id, lot_number));
CREATE TABLE trace.job_order (job_order_id text PRIMARY KEY, STAMPS);
CREATE TABLE trace.stock_movement (movement_id text PRIMARY KEY, movement_type text, moved_at timestamptz,
    material_id text, lot_number text, source_bill text, party_id text, STAMPS);
CREATE TABLE trace.serial_unit (serial_number text PRIMARY KEY, material_id text, lot_number text, job_order_id text,
    produced_at timestamptz, STAMPS);
CREATE TABLE trace.material_actual (material_actual_id text PRIMARY KEY, serial_number text, material_id text,
    lot_number text, consumed_at timestamptz, STAMPS);
CREATE TABLE trace.test_result (test_result_id text PRIMARY KEY, serial_number text, material_id text, lot_number text,
    evaluated_at timestamptz, STAMPS);
CREATE TABLE trace.udi_label (udi_label_id text PRIMARY KEY, serial_number text, udi_raw text, device_identifier text,
    printed_at timestamptz, STAMPS);
CREATE TABLE trace.shipment (shipment_id text PRIMARY KEY, party_id text, material_id text, lot_number text,
    serial_number text, shipped_at timestamptz, STAMPS);
CREATE TABLE trace.adverse_event (event_id text PRIMARY KEY, serial_number text, material_id text, lot_number text,
    received_at timestamptz, STAMPS);
INSERT INTO trace.party VALUES ('S-1', 'Screws', 'CN', STAMP), ('C-1', 'Clinic', 'CN', STAMP),
    ('C-2', 'Other', 'US', STAMP);
INSERT INTO trace.material VALUES ('SCREW', NULL, STAMP), ('PUMP', '06901234000177', STAMP);
INSERT INTO trace.material_lot VALUES ('SCREW', 'L1', STAMP), ('PUMP', 'P1', STAMP), ('OTHER', 'L1', STAMP);
INSERT INTO trace.job_order VALUES ('J1', STAMP);
INSERT INTO trace.stock_movement VALUES
    ('M1', 'PURCHASE_RECEIPT', '2026-01-01+00', 'SCREW', 'L1', 'PO1', 'S-1', STAMP),
    ('M2', 'MATERIAL_ISSUE', '2026-01-02+00', 'SCREW', 'L1', 'J1', NULL, STAMP),
    ('M3', 'PRODUCTION_RECEIPT', '2026-01-04+00', 'PUMP', 'P1', 'J1', NULL, STAMP);
INSERT INTO trace.serial_unit VALUES ('SN1', 'PUMP', 'P1', 'J1', '2026-01-03+00', STAMP),
    ('SN2', 'PUMP', 'P1', 'J1', '2026-01-03+00', STAMP), ('SN3', 'PUMP', 'P2', NULL, '2026-01-03+00', STAMP);
INSERT INTO trace.material_actual VALUES ('A1', 'SN1', 'SCREW', 'L1', '2026-01-02+00', STAMP),
    ('A2', 'SN2', 'SCREW', 'L1', '2026-01-02+00', STAMP);
INSERT INTO trace.test_result VALUES ('T1', 'SN1', 'PUMP', 'P1', '2026-01-05+00', STAMP),
    ('T2', NULL, 'SCREW', 'L1', '2026-01-01+00', STAMP);
INSERT INTO trace.udi_label VALUES ('U1', 'SN1', '(01)06901234000177(21)SN1', '06901234000177', '2026-01-05+00', STAMP);
INSERT INTO trace.shipment VALUES ('D1', 'C-1', 'PUMP', 'P1', 'SN1', '2026-01-06+00', STAMP),
    ('D2', 'C-2', 'SCREW', 'L1', NULL, '2026-01-07+00', STAMP),
    ('D3', 'C-1', 'PUMP', 'P2', 'SN3', '2026-01-08+00', STAMP);
INSERT INTO trace.adverse_event VALUES ('E1', 'SN1', NULL, NULL, '2026-02-01+00', STAMP);
"""
_STAMPS = "_mapping text, _source_key text[], _source_offset bigint, _source_ts timestamptz, _deleted boolean"
STAMP = "'erp.some', '{7}', 42, '2026-01-09+00', false"
"""What each row says of itself."""
TABLES = _TABLES.replace("STAMPS", _STAMPS).replace("STAMP", STAMP)
"""SQL that makes and fills them."""
