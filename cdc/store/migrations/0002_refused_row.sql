-- A row that is read while the stream goes on looks for the changes of it that were refused before it came.
-- A key that is too long for an index (VAL-108) has no such row.

CREATE INDEX refused_row ON cdc.refused (mirror, key) WHERE code <> 'VAL-108';
