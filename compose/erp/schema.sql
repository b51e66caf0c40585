-- The legacy ERP: the tables of a Kingdee K/3-like installation that the demo works on (MariaDB 10.11, GBK).
--
-- Run by the application's owner in its own database; nothing here knows of the replication. It keeps what such
-- systems really look like: no foreign keys, CHAR codes with padding, decimal(28,10) for every quantity, date columns
-- in which '0000-00-00 00:00:00' means "none", flags as tinyint or bit, notes that nobody declared NOT NULL, and an
-- inventory table without any key. The application runs with sql_mode ''.

SET NAMES utf8mb4;

CREATE TABLE t_MeasureUnit (
    FItemID      int            NOT NULL,
    FUnitGroupID int            NOT NULL DEFAULT 0,
    FNumber      char(30)       NOT NULL,
    FName        varchar(80)    NOT NULL COMMENT '计量单位名称',
    FCoefficient decimal(28,10) NOT NULL DEFAULT 1,
    FStandard    tinyint        NOT NULL DEFAULT 0,
    FDeleted     tinyint        NOT NULL DEFAULT 0,
    PRIMARY KEY (FItemID)
) ENGINE=InnoDB DEFAULT CHARACTER SET gbk;

CREATE TABLE t_ICItem (
    FItemID       int            NOT NULL,
    FNumber       char(40)       NOT NULL COMMENT '物料代码',
    FName         varchar(255)   NULL     COMMENT '物料名称',
    FModel        varchar(255)   NULL     COMMENT '规格型号',
    FHelpCode     varchar(50)    NULL,
    FUnitID       int            NOT NULL DEFAULT 0 COMMENT '基本计量单位',
    FISKFPeriod   tinyint        NOT NULL DEFAULT 0 COMMENT '是否进行保质期管理',
    FKFPeriod     int            NULL     COMMENT '保质期(天)',
    FBatchManager tinyint        NOT NULL DEFAULT 0 COMMENT '是否批次管理',
    FIsSnManage   tinyint        NOT NULL DEFAULT 0 COMMENT '是否序列号管理',
    FInspection   bit(1)         NOT NULL DEFAULT b'0',
    FPlanPrice    decimal(28,10) NULL,
    FDeleted      tinyint        NOT NULL DEFAULT 0 COMMENT '禁用',
    FLastCheckDate datetime      NULL     DEFAULT '0000-00-00 00:00:00',
    F_101         varchar(255)   NULL,
    F_UDIDI       varchar(30)    NULL     COMMENT '产品标识',
    F_REGNO       varchar(60)    NULL     COMMENT '注册证号',
    PRIMARY KEY (FItemID),
    KEY ix_ICItem_number (FNumber)
) ENGINE=InnoDB DEFAULT CHARACTER SET gbk;

-- How many base units a packaging unit of one material holds, and since when; a period ends where the next one begins.
CREATE TABLE t_ICItemUnit (
    FID          int            NOT NULL,
    FItemID      int            NOT NULL DEFAULT 0,
    FUnitID      int            NOT NULL DEFAULT 0 COMMENT '包装单位',
    FCoefficient decimal(28,10) NOT NULL DEFAULT 0 COMMENT '含基本单位数',
    FEffectDate  datetime       NULL     DEFAULT '0000-00-00 00:00:00' COMMENT '生效日期',
    FExpireDate  datetime       NULL     DEFAULT '0000-00-00 00:00:00' COMMENT '失效日期',
    PRIMARY KEY (FID),
    KEY ix_ICItemUnit_item (FItemID, FUnitID)
) ENGINE=InnoDB DEFAULT CHARACTER SET gbk;

CREATE TABLE t_Supplier (
    FItemID    int          NOT NULL,
    FNumber    char(40)     NOT NULL,
    FName      varchar(255) NULL,
    FShortName varchar(80)  NULL,
    FContact   varchar(50)  NULL,
    FPhone     varchar(40)  NULL,
    FLicence   varchar(60)  NULL COMMENT '经营许可证号',
    FLicenceTo date         NULL DEFAULT '0000-00-00',
    FDeleted   tinyint      NOT NULL DEFAULT 0,
    PRIMARY KEY (FItemID)
) ENGINE=InnoDB DEFAULT CHARACTER SET gbk;

CREATE TABLE t_Organization (
    FItemID    int            NOT NULL,
    FNumber    char(40)       NOT NULL COMMENT '客户代码',
    FName      varchar(255)   NULL     COMMENT '客户名称',
    FShortName varchar(80)    NULL,
    FCountry   varchar(20)    NULL     COMMENT '国家',
    FAddress   varchar(255)   NULL,
    FContact   varchar(50)    NULL,
    FPhone     varchar(40)    NULL,
    FCreditAmt decimal(28,10) NULL,
    FDeleted   tinyint        NOT NULL DEFAULT 0,
    PRIMARY KEY (FItemID)
) ENGINE=InnoDB DEFAULT CHARACTER SET gbk;

CREATE TABLE t_Stock (
    FItemID     int         NOT NULL,
    FNumber     char(30)    NOT NULL,
    FName       varchar(80) NOT NULL COMMENT '仓库名称',
    FTypeID     int         NOT NULL DEFAULT 500,
    FIsStockMgr bit(1)      NOT NULL DEFAULT b'0',
    FDeleted    tinyint     NOT NULL DEFAULT 0,
    PRIMARY KEY (FItemID)
) ENGINE=InnoDB DEFAULT CHARACTER SET gbk;

-- Production orders.
CREATE TABLE ICMO (
    FInterID        int            NOT NULL,
    FTranType       smallint       NOT NULL DEFAULT 85,
    FBillNo         varchar(255)   NOT NULL COMMENT '生产任务单号',
    FStatus         smallint       NOT NULL DEFAULT 0,
    FItemID         int            NOT NULL DEFAULT 0,
    FUnitID         int            NOT NULL DEFAULT 0,
    FQty            decimal(28,10) NOT NULL DEFAULT 0,
    FAuxQty         decimal(28,10) NOT NULL DEFAULT 0,
    FGMPBatchNo     varchar(255)   NULL,
    FPlanCommitDate datetime       NULL,
    FPlanFinishDate datetime       NULL,
    FStartDate      datetime       NULL     DEFAULT '0000-00-00 00:00:00',
    FFinishDate     datetime       NULL     DEFAULT '0000-00-00 00:00:00',
    FCheckerID      int            NULL,
    FCancellation   tinyint        NOT NULL DEFAULT 0,
    FNote           varchar(255)   NULL,
    PRIMARY KEY (FInterID)
) ENGINE=InnoDB DEFAULT CHARACTER SET gbk;

-- One head for every kind of stock bill. FTranType: 1 purchase receipt, 2 production receipt, 10 other receipt,
-- 21 sales issue, 24 material issue, 29 other issue, 41 transfer. FROB: 1 blue, -1 red (a reversal).
-- FCheckerID is NULL or 0 until somebody approves the bill.
CREATE TABLE ICStockBill (
    FInterID         int          NOT NULL,
    FTranType        smallint     NOT NULL DEFAULT 0,
    FBillNo          varchar(255) NOT NULL COMMENT '单据编号',
    FDate            datetime     NOT NULL,
    FROB             smallint     NOT NULL DEFAULT 1 COMMENT '红蓝字',
    FCheckerID       int          NULL     COMMENT '审核人',
    FCheckDate       datetime     NULL     DEFAULT '0000-00-00 00:00:00',
    FCancellation    tinyint      NOT NULL DEFAULT 0 COMMENT '作废',
    FBillerID        int          NOT NULL DEFAULT 0,
    FSupplyID        int          NULL,
    FDeptID          int          NULL,
    FUpStockWhenSave bit(1)       NOT NULL DEFAULT b'0',
    FExplanation     varchar(255) NULL,
    PRIMARY KEY (FInterID)
) ENGINE=InnoDB DEFAULT CHARACTER SET gbk;

-- FQty in the material's base unit, FAuxQty in the unit that was entered (FUnitID).
CREATE TABLE ICStockBillEntry (
    FInterID        int            NOT NULL,
    FEntryID        int            NOT NULL,
    FItemID         int            NOT NULL DEFAULT 0,
    FQty            decimal(28,10) NOT NULL DEFAULT 0,
    FAuxQty         decimal(28,10) NOT NULL DEFAULT 0,
    FUnitID         int            NOT NULL DEFAULT 0,
    FSecQty         decimal(28,10) NULL,
    FSecCoefficient decimal(28,10) NULL,
    FPrice          decimal(28,10) NULL,
    FAmount         decimal(28,10) NULL,
    FBatchNo        varchar(255)   NULL     COMMENT '批号',
    FKFDate         datetime       NULL     DEFAULT '0000-00-00 00:00:00' COMMENT '生产日期',
    FKFPeriod       int            NULL     COMMENT '保质期(天)',
    FPeriodDate     datetime       NULL     DEFAULT '0000-00-00 00:00:00' COMMENT '有效期至',
    FDCStockID      int            NULL,
    FDCSPID         int            NULL,
    FSCStockID      int            NULL,
    FSourceBillNo   varchar(255)   NULL,
    FNote           varchar(255)   NULL,
    PRIMARY KEY (FInterID, FEntryID),
    KEY ix_ICStockBillEntry_item (FItemID)
) ENGINE=InnoDB DEFAULT CHARACTER SET gbk;

-- Stock on hand: one row per material, stock and lot by habit, not by any constraint.
CREATE TABLE ICInventory (
    FItemID  int            NOT NULL,
    FStockID int            NOT NULL,
    FBatchNo varchar(255)   NOT NULL DEFAULT '',
    FQty     decimal(28,10) NOT NULL DEFAULT 0,
    FBal     decimal(20,2)  NULL,
    FKFDate  varchar(20)    NULL,
    KEY ix_ICInventory_item (FItemID, FStockID)
) ENGINE=InnoDB DEFAULT CHARACTER SET gbk;

-- Sales orders. FStatus: 0 new, 1 approved, 2 partly shipped, 3 shipped, 4 closed.
CREATE TABLE SEOrder (
    FInterID      int          NOT NULL,
    FBillNo       varchar(255) NOT NULL COMMENT '销售订单号',
    FDate         datetime     NOT NULL,
    FCustID       int          NOT NULL DEFAULT 0,
    FStatus       smallint     NOT NULL DEFAULT 0,
    FCancellation tinyint      NOT NULL DEFAULT 0,
    FCheckerID    int          NULL,
    FBillerID     int          NOT NULL DEFAULT 0,
    FExplanation  varchar(255) NULL,
    PRIMARY KEY (FInterID)
) ENGINE=InnoDB DEFAULT CHARACTER SET gbk;

CREATE TABLE SEOrderEntry (
    FInterID  int            NOT NULL,
    FEntryID  int            NOT NULL,
    FItemID   int            NOT NULL DEFAULT 0,
    FQty      decimal(28,10) NOT NULL DEFAULT 0,
    FUnitID   int            NOT NULL DEFAULT 0,
    FPrice    decimal(28,10) NULL,
    FBatchNo  varchar(255)   NULL     COMMENT '批号',
    FSerialNo varchar(60)    NULL     COMMENT '序列号',
    FDate     datetime       NULL     DEFAULT '0000-00-00 00:00:00' COMMENT '交货日期',
    FShipDate datetime       NULL     DEFAULT '0000-00-00 00:00:00' COMMENT '发货时间',
    FNote     varchar(255)   NULL,
    PRIMARY KEY (FInterID, FEntryID)
) ENGINE=InnoDB DEFAULT CHARACTER SET gbk;
