"""What would break or be missed if a source were captured now, looked for in the live server beforehand.

Read-only, through the connection of the connector file. Whatever is found has a code, says what it is and why, and the
statement by which the DBA ends it, where there is one.
"""
