-- Heads of chains that were published out of the reach of whoever owns this database, as they were published: a line of
-- JSON, signed. What proves anything is the copy at the other place; the record here says that there has to be one.

CREATE TABLE cdc.anchor (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    place        text NOT NULL,                      -- `file PATH` or `topic NAME`
    stream       text NOT NULL,
    "offset"     bigint NOT NULL,                    -- the head is over all records before it
    line         text NOT NULL,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX anchor_last ON cdc.anchor (place, stream, id);

CREATE TABLE cdc.anchor_failure (                    -- places that could not be written to, until one can again
    place     text NOT NULL,
    host      text NOT NULL,                         -- of who tried
    detail    text NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (place, host)
);
