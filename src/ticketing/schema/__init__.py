"""Every table, key and index, declared once for all engines."""
