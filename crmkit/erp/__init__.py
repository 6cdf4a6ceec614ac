"""ERP databases as a source: customers, suppliers, persons and products, read and never written.

`connections` knows where a database is, `databases` opens it for reading, `systems` has the queries
for the ERPs that are known, `own_sql` lets one SELECT of the user's through, and `reading` finds the
actors, shows some and writes all of them to a file, which an import lands like any other.
"""
