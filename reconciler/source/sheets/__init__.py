"""Read rows from delimited text, workbooks, and tables in a plan file, through one interface."""
