"""Payments and refunds as records and rules, and the port behind which every provider stands."""
