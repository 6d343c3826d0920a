"""Pictures, tables and the one-file HTML report."""
