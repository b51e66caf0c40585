-- The legacy MES: a system that a factory wrote for itself (PostgreSQL, schema public, UTF-8).
--
-- Run by the application's owner in its own database; nothing here knows of the replication. It keeps what such
-- systems really look like: no foreign keys, char(20) material codes that come back padded, text where a number was
-- meant, a serial table with a unique index but no primary key, label scans with their GS (0x1D) separators inside.

-- The factory's own list of materials, typed in by hand from the ERP's; the two do not always agree.
CREATE TABLE mes_item (
    item_id    bigint         NOT NULL PRIMARY KEY,
    item_no    char(20)       NOT NULL,
    item_name  varchar(80),
    spec       varchar(60),
    serial_yn  varchar(4),
    shelf_days integer,
    udi_di     varchar(30),
    updated_at timestamptz    NOT NULL
);

CREATE TABLE mes_wo (
    wo_id        bigint         NOT NULL PRIMARY KEY,
    wo_no        varchar(40)    NOT NULL,
    item_no      char(20)       NOT NULL,
    plan_qty     numeric(18,6),
    done_qty     numeric(18,6)  NOT NULL DEFAULT 0,
    state        varchar(8)     NOT NULL,
    line_code    varchar(12),
    priority     smallint,
    planned_date date,
    started_at   timestamptz,
    completed_at timestamptz,
    remark       text
);

-- status: Q in quarantine, OK released, HOLD blocked, NG rejected.
CREATE TABLE mes_lot (
    lot_id      bigint         NOT NULL PRIMARY KEY,
    item_no     char(20)       NOT NULL,
    lot_no      varchar(40)    NOT NULL,
    wo_no       varchar(40),
    mfg_date    date,
    exp_date    date,
    qty         numeric(18,4),
    status      varchar(8)     NOT NULL,
    released_by varchar(40),
    released_at timestamptz
);

-- No primary key: the developers thought of the index as enough.
CREATE TABLE mes_sn (
    sn           varchar(40)  NOT NULL,
    item_no      char(20)     NOT NULL,
    lot_no       varchar(40)  NOT NULL,
    wo_no        varchar(40),
    status       varchar(8)   NOT NULL,
    station      varchar(20),
    rework_count integer      NOT NULL DEFAULT 0,
    produced_at  timestamptz
);
CREATE UNIQUE INDEX ux_mes_sn ON mes_sn (sn);

-- One inspection. It is about one serial, or (sn NULL) about a lot. note holds whole instrument protocols.
CREATE TABLE mes_insp_h (
    insp_id       bigint         NOT NULL PRIMARY KEY,
    insp_no       varchar(40)    NOT NULL,
    insp_type     varchar(8)     NOT NULL,
    sn            varchar(40),
    item_no       char(20),
    lot_no        varchar(40),
    result        varchar(8)     NOT NULL,
    disposition   varchar(20),
    authorised_by varchar(40),
    measured      numeric(18,6),
    measured_uom  varchar(12),
    sample_size   integer,
    defect_count  integer,
    inspector     varchar(40),
    evaluated_at  timestamptz,
    note          text
);

CREATE TABLE mes_insp_d (
    insp_id bigint       NOT NULL,
    line_no integer      NOT NULL,
    item    varchar(60),
    test1   varchar(30), res1  varchar(8),
    test2   varchar(30), res2  varchar(8),
    test3   varchar(30), res3  varchar(8),
    test4   varchar(30), res4  varchar(8),
    test5   varchar(30), res5  varchar(8),
    test6   varchar(30), res6  varchar(8),
    test7   varchar(30), res7  varchar(8),
    test8   varchar(30), res8  varchar(8),
    test9   varchar(30), res9  varchar(8),
    test10  varchar(30), res10 varchar(8),
    PRIMARY KEY (insp_id, line_no)
);

-- Which lot of which component went into which unit.
CREATE TABLE mes_genealogy (
    gen_id      bigint         NOT NULL PRIMARY KEY,
    parent_sn   varchar(40)    NOT NULL,
    child_item  char(20)       NOT NULL,
    child_lot   varchar(40)    NOT NULL,
    qty         numeric(18,6)  NOT NULL,
    consumed_at timestamp      NOT NULL
);

CREATE TABLE mes_label (
    label_id   bigint        NOT NULL PRIMARY KEY,
    sn         varchar(40)   NOT NULL,
    udi_raw    varchar(200)  NOT NULL,
    copies     smallint      NOT NULL DEFAULT 1,
    void       boolean       NOT NULL DEFAULT false,
    printed_at timestamptz   NOT NULL
);

-- Complaints, and what was found out about them. Problem codes are IMDRF's, or the FDA's of before.
CREATE TABLE mes_complaint (
    complaint_id   bigint      NOT NULL PRIMARY KEY,
    complaint_no   varchar(40) NOT NULL,
    report_type    varchar(8)  NOT NULL,
    received_at    timestamptz NOT NULL,
    aware_date     date,
    event_date     date,
    sn             varchar(40),
    item_no        char(20),
    lot_no         varchar(40),
    complainant    varchar(80),
    address        varchar(120),
    phone          varchar(40),
    patient_ref    varchar(40),
    nature         text,
    device_problem varchar(12),
    health_impact  varchar(12),
    inv_type       varchar(12),
    inv_finding    varchar(12),
    inv_conclusion varchar(12),
    reportable     varchar(4),
    corrective     text,
    replied_on     date
);
