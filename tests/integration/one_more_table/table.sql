CREATE TABLE mes_ster (
    ster_no       varchar(40) NOT NULL PRIMARY KEY,
    item_no       char(20)    NOT NULL,
    lot_no        varchar(40) NOT NULL,
    cycle         integer     NOT NULL,
    status        varchar(8)  NOT NULL,
    sterilised_at timestamptz
);
INSERT INTO mes_ster VALUES
    ('ST-1', '02.01.001', '26A0412', 3, 'OK', '2026-04-14 09:00:00+08'),
    ('ST-2', '02.01.001', '26A0413', 4, 'Q', NULL);
