-- The target as it should stand: canonical rows, held rows and ledger, derived from the sources by hand.

CREATE SCHEMA trace;
CREATE SCHEMA cdc;

CREATE TABLE trace.material (
    material_id text COLLATE "C" PRIMARY KEY, name text, specification text, base_uom text, lot_controlled boolean,
    serial_controlled boolean, shelf_life_days integer, udi_di text, registration_no text, status text,
    _conflicts jsonb, _source_key text[], _deleted boolean DEFAULT false);
INSERT INTO trace.material VALUES
    ('02.01.001', '一次性导管', 'φ5×100㎜', 'C62', true, true, 730, '06901234567892', '国械注准20263140001', 'ACTIVE',
     '[{"column": "name", "mapping": "mes.mes_item", "source_key": ["1"], "value": "导管"}]',
     '{02.01.001}', false),
    ('03.02.117', '聚乙烯颗粒', NULL, 'KGM', false, false, NULL, NULL, NULL, 'ACTIVE', NULL, '{03.02.117}', false),
    ('02.01.004', '停产件', NULL, 'C62', true, false, NULL, NULL, NULL, 'INACTIVE', NULL, '{02.01.004}', true);

CREATE TABLE trace.material_unit_conversion (
    material_id text COLLATE "C", from_uom text COLLATE "C", valid_from date, to_uom text, factor numeric(18,6),
    valid_to date, _source_key text[], _deleted boolean DEFAULT false, PRIMARY KEY (material_id, from_uom, valid_from));
INSERT INTO trace.material_unit_conversion VALUES
    ('02.01.001', 'XBX', '2020-01-01', 'C62', 20, '2026-01-01', '{1}');

CREATE TABLE trace.party (
    party_id text COLLATE "C" PRIMARY KEY, name text, short_name text, is_customer boolean, is_supplier boolean,
    country text, address text, contact text, phone text, licence_no text, licence_valid_to date, status text,
    _conflicts jsonb, _source_key text[], _deleted boolean DEFAULT false);
INSERT INTO trace.party (party_id, name, is_customer, is_supplier, country, status, _source_key) VALUES
    ('C001', '北京医院', true, NULL, 'CN', 'ACTIVE', '{C001}'),
    ('S-S001', '上海供应商', NULL, true, NULL, 'ACTIVE', '{S-S001}');

CREATE TABLE trace.stock_movement (
    movement_id text COLLATE "C" PRIMARY KEY, movement_type text, bill_no text, moved_at timestamptz, material_id text,
    lot_number text, quantity numeric(18,6), quantity_uom text, from_location text, to_location text,
    manufacture_date date, expiry_date date, source_bill text, party_id text, _source_key text[],
    _deleted boolean DEFAULT false);
INSERT INTO trace.stock_movement VALUES
    ('K3-701-1', 'MATERIAL_ISSUE', 'SOUT701', '2026-02-28 23:59:59+00', '03.02.117', 'L-1', 0.5, 'KGM', 'W1', NULL,
     '2026-01-01', '2027-01-01', NULL, NULL, '{701,1}'),
    ('K3-703-1', 'MATERIAL_ISSUE', 'SOUT703', '2026-03-02 16:00:00+00', '03.02.117', NULL, -1, 'KGM', NULL, 'W2',
     NULL, NULL, NULL, NULL, '{703,1}'),
    ('K3-704-1', 'PRODUCTION_RECEIPT', 'CIN704', '2026-03-03 16:00:00+00', '02.01.001', 'LOT1', 5, 'C62', NULL, 'W2',
     '2026-03-02', NULL, NULL, 'S-S001', '{704,1}');

CREATE TABLE trace.shipment (
    shipment_id text COLLATE "C" PRIMARY KEY, order_no text, party_id text, material_id text, lot_number text,
    serial_number text, quantity numeric(18,6), quantity_uom text, shipped_at timestamptz,
    _source_key text[], _deleted boolean DEFAULT false);
INSERT INTO trace.shipment VALUES
    ('K3-801-1', 'SEORD801', 'C001', '02.01.001', 'LOT1', 'SN1', 1, 'C62', '2026-04-02 04:00:00+00', '{801,1}');

CREATE TABLE trace.job_order (
    job_order_id text COLLATE "C" PRIMARY KEY, material_id text, planned_quantity numeric(18,6),
    done_quantity numeric(18,6), state text, line text, priority integer, planned_date date, started_at timestamptz,
    completed_at timestamptz, remark text, _source_key text[], _deleted boolean DEFAULT false);
INSERT INTO trace.job_order VALUES
    ('WO1', '02.01.001', 100, 1.5, 'RUNNING', NULL, 5, '2026-03-01', '2026-03-01 00:00:00.000001+00', NULL, '急 ', '{1}');

CREATE TABLE trace.material_lot (
    material_id text COLLATE "C", lot_number text COLLATE "C", job_order_id text, manufacture_date date,
    expiry_date date, quantity numeric(18,6), status text, released_by text, released_at timestamptz,
    _conflicts jsonb, _source_key text[], _deleted boolean DEFAULT false, PRIMARY KEY (material_id, lot_number));
INSERT INTO trace.material_lot VALUES
    ('02.01.001', 'LOT1', 'WO1', '2026-03-01', '2028-03-01', 100, 'RELEASED', '张三', '2026-03-05 02:00:00.123456+00',
     '[{"column": "manufacture_date", "mapping": "erp.ICStockBillEntry", "source_key": ["704", "1"],
        "value": "2026-03-02"}]', '{02.01.001,LOT1}');

CREATE TABLE trace.serial_unit (
    serial_number text COLLATE "C" PRIMARY KEY, material_id text, lot_number text, job_order_id text, status text,
    station text, rework_count integer, produced_at timestamptz, _source_key text[], _deleted boolean DEFAULT false);
INSERT INTO trace.serial_unit VALUES
    ('SN1', '02.01.001', 'LOT1', 'WO1', 'SHIPPED', NULL, 1, NULL, '{SN1}', false),
    ('SN9', '02.01.001', 'LOT1', NULL, 'SCRAPPED', 'ST-5', 0, '2026-03-03 00:00:00+00', '{SN9}', true);

CREATE TABLE trace.test_result (
    test_result_id text COLLATE "C" PRIMARY KEY, inspection_no text, inspection_type text, serial_number text,
    material_id text, lot_number text, result text, disposition text, authorised_by text, measured_length numeric(18,6),
    sample_size integer, nonconforming_count integer, inspector text, evaluated_at timestamptz,
    _warnings text[], _source_key text[], _deleted boolean DEFAULT false);
INSERT INTO trace.test_result VALUES
    ('MES-1', 'I1', 'FINAL', 'SN1', '02.01.001', 'LOT1', 'CONDITIONAL', 'CONCESSION', '李四', 25.4, 5, NULL, NULL,
     '2026-03-03 16:00:00+00', NULL, '{1}');

CREATE TABLE trace.nonconformance (
    nonconformance_id text COLLATE "C" PRIMARY KEY, test_result_id text, serial_number text, material_id text,
    lot_number text, nonconforming_count integer, disposition text, authorised_by text, recorded_at timestamptz,
    _source_key text[], _deleted boolean DEFAULT false);
INSERT INTO trace.nonconformance VALUES
    ('MES-1', 'MES-1', 'SN1', '02.01.001', 'LOT1', NULL, 'CONCESSION', '李四', '2026-03-03 16:00:00+00', '{1}');

CREATE TABLE trace.test_measurement (
    test_result_id text COLLATE "C", line_no integer, sequence integer, characteristic text, entered text,
    value numeric(18,6), comparator text, tolerance numeric(18,6), judgement text, _source_key text[],
    _deleted boolean DEFAULT false, PRIMARY KEY (test_result_id, line_no, sequence));
INSERT INTO trace.test_measurement VALUES ('MES-1', 1, 1, '外径', '2.01', 2.01, '=', NULL, 'ACCEPTED', '{1,1}');

CREATE TABLE trace.job_response (
    job_response_id text COLLATE "C" PRIMARY KEY, job_order_id text, state text, done_quantity numeric(18,6),
    started_at timestamptz, completed_at timestamptz, _source_key text[], _deleted boolean DEFAULT false);
INSERT INTO trace.job_response VALUES ('MES-1', 'WO1', 'RUNNING', 1.5, '2026-03-01 00:00:00.000001+00', NULL, '{1}');

CREATE TABLE trace.material_actual (
    material_actual_id text COLLATE "C" PRIMARY KEY, material_use text, serial_number text, material_id text,
    lot_number text, quantity numeric(18,6), consumed_at timestamptz, _source_key text[], _deleted boolean DEFAULT false);

CREATE TABLE trace.udi_label (
    udi_label_id text COLLATE "C" PRIMARY KEY, serial_number text, udi_raw text, issuing_agency text,
    device_identifier text, lot_number text, label_serial text, manufacture_date date, expiry_date date,
    label_warning text, copies integer, voided boolean, printed_at timestamptz, _warnings text[], _source_key text[],
    _deleted boolean DEFAULT false);
INSERT INTO trace.udi_label VALUES
    ('MES-1', 'SN1', E'01069012345678921728030110LOT1\x1d21SN1', 'GS1', '06901234567892', 'LOT1', 'SN1', NULL,
     '2028-03-01', NULL, 1, true, '2026-03-04 02:00:00+00', NULL, '{1}');

CREATE TABLE trace.adverse_event (
    event_id text COLLATE "C" PRIMARY KEY, complaint_no text, report_type text, received_at timestamptz,
    awareness_date date, event_date date, serial_number text, material_id text, lot_number text,
    device_problem_code text, health_impact_code text, investigation_type_code text, investigation_finding_code text,
    investigation_conclusion_code text, reportable boolean, complainant text, complainant_address text,
    complainant_phone text, patient_ref text, nature text, corrective_action text, replied_date date,
    _source_key text[], _deleted boolean DEFAULT false);
INSERT INTO trace.adverse_event (event_id, complaint_no, report_type, received_at, serial_number, device_problem_code,
    reportable, _source_key) VALUES ('MES-1', 'K1', 'INITIAL', '2026-04-03 00:00:00+00', 'SN1', 'A04', false, '{1}');

CREATE TABLE cdc.held (mapping text, source_key text[], code text, PRIMARY KEY (mapping, source_key));
INSERT INTO cdc.held VALUES
    ('erp.t_ICItem', '{103}', 'UDI-101'),
    ('erp.t_Organization', '{302}', 'COD-201'),
    ('erp.ICStockBillEntry', '{701,2}', 'UOM-201'),
    ('erp.ICStockBillEntry', '{701,3}', 'REF-301'),
    ('mes.mes_sn', '{SN2}', 'LOT-101'),
    ('mes.mes_insp_h', '{2}', 'QC-101'),
    ('mes.mes_insp_h', '{3}', 'REF-301'),
    ('mes.mes_genealogy', '{1}', 'REF-301');

CREATE TABLE cdc.position (stream text PRIMARY KEY, next_offset bigint);
CREATE TABLE cdc.batch (
    stream text, batch bigint, first_offset bigint, next_offset bigint, captured integer, landed integer,
    superseded integer, filtered integer, replayed integer, refused integer, control integer,
    PRIMARY KEY (stream, batch));
