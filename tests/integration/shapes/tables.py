"""The tables of both sources, by the shape that they are for: `hall` is PostgreSQL, `depot` MariaDB."""

from __future__ import annotations

HALL = {
    "mark": "id int PRIMARY KEY, text text",
    "tiny": "id int PRIMARY KEY, n int",
    "lengthy": "id int PRIMARY KEY, n int",
    "swap": "id int PRIMARY KEY, code text UNIQUE DEFERRABLE INITIALLY DEFERRED",
    "often": "id int PRIMARY KEY, n int, note text",
    "chain": "id int PRIMARY KEY, step text, text text",
    "emptied": "id int PRIMARY KEY, n int",
    "part": "name text PRIMARY KEY, n int",
    "piece": "serial text PRIMARY KEY, part text",
    "by_numeric": "id numeric PRIMARY KEY, n int",
    "by_double": "id double precision PRIMARY KEY, n int",
    "by_char": "id char(5) PRIMARY KEY, n int",
    "by_text": "id text PRIMARY KEY, n int",
    "bare": "id int PRIMARY KEY, n int, text text",
    "one": "id int PRIMARY KEY, n int",
    "none": "id int PRIMARY KEY, n int",
    "altered": "id int PRIMARY KEY, n int",
    "broken_off": "id int PRIMARY KEY, n int, text text",
    "undone": "id int PRIMARY KEY, n int",
}
DEPOT = {
    "mark": "id int PRIMARY KEY, text varchar(99)",
    "tiny": "id int PRIMARY KEY, n int",
    "lengthy": "id int PRIMARY KEY, n int",
    "swap": "id int PRIMARY KEY, code varchar(9) UNIQUE",
    "often": "id int PRIMARY KEY, n int, note varchar(99)",
    "chain": "id int PRIMARY KEY, step varchar(9), text longtext",
    "emptied": "id int PRIMARY KEY, n int",
    "by_decimal": "id decimal(10,2) PRIMARY KEY, n int",
    "by_double": "id double PRIMARY KEY, n int",
    "by_char": "id char(5) PRIMARY KEY, n int",
    "by_text": "id varchar(9) PRIMARY KEY, n int",
    "bare": "id int PRIMARY KEY, n int, text longtext",
    "one": "id int PRIMARY KEY, n int",
    "none": "id int PRIMARY KEY, n int",
    "altered": "id int PRIMARY KEY, n int",
    "broken_off": "id int PRIMARY KEY, n int, text longtext",
    "undone": "id int PRIMARY KEY, n int",
    "unguarded": "id int PRIMARY KEY, n int",
    "repeated": "id int PRIMARY KEY, n int",
    "whole": "id int PRIMARY KEY, n int",
    "piece_of": "id int PRIMARY KEY, whole int, n int,"
    " FOREIGN KEY (whole) REFERENCES whole (id) ON DELETE CASCADE ON UPDATE CASCADE",
    "left_by": "id int PRIMARY KEY, whole int,"
    " FOREIGN KEY (whole) REFERENCES whole (id) ON DELETE SET NULL ON UPDATE SET NULL",
}
# Long values are stored apart, not compressed: an update that does not change them leaves them out of the log.
APART = ("chain", "bare", "broken_off")
# All versions of these are kept, beside those that the dictionary makes histories of.
VERSIONED = ("swap", "often", "chain", "emptied", "by_char", "by_text", "bare", "undone", "piece_of", "left_by")
SNAPSHOT = ("INSERT INTO mark VALUES (1, 'none')", "INSERT INTO one VALUES (1, 1)")
FRESH = {
    "mark": "id int PRIMARY KEY, text varchar(99)",
    "one": "id int PRIMARY KEY, n int",
    "big": "id int PRIMARY KEY, n int, text text",
    "none": "id int PRIMARY KEY, n int",
    "dated": "id int PRIMARY KEY, day date NOT NULL",
}
