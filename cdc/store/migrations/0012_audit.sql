-- Up to where canonical tables were last found to be what the mirrors imply: a row for each pass over a table.

CREATE TABLE cdc.audited (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    canonical   text NOT NULL,                       -- `<schema>.<table>`
    dictionary  text NOT NULL,                       -- digest of the dictionary in force
    batches     jsonb NOT NULL,                      -- stream to batch: what had landed when the pass began
    rows        bigint NOT NULL,                     -- source rows, and keys of folds, that were derived anew
    differences bigint NOT NULL,
    actor       text NOT NULL,
    began_at    timestamptz NOT NULL,
    ended_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX audited_canonical ON cdc.audited (canonical, ended_at);
