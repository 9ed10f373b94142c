"""The engines behind the storage port. They know no feature."""
