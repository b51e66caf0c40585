"""One mirror: its tables, and the SQL that brings a batch's rows into them."""
