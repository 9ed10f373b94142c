"""The DynamoDB store: the storage port over the founding document's tables, one transaction for each commit or several."""
