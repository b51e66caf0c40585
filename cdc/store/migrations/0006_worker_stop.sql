-- Why a worker ended by itself, until one of its kind starts on the same host again.

CREATE TABLE cdc.worker_stop (
    worker     text NOT NULL,
    host       text NOT NULL,
    code       text NOT NULL,
    detail     text NOT NULL,
    stopped_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (worker, host)
);
