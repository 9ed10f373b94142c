"""Importers of real data, each naming the records that it refuses with place and reason."""
