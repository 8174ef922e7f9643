"""Rows from spreadsheets: delimited text, workbooks, and tables written in a plan file, all read alike."""
