-- Mirrors of which every version is kept, in `<schema>_change.<table>`: those that a mapping makes a history of.

CREATE TABLE cdc.change_mirror (
    mirror text PRIMARY KEY,                         -- `<schema>.<table>`
    since  timestamptz NOT NULL DEFAULT now()
);
