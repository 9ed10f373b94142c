"""Tools of the faces, of no feature: JSON answers, bodies, idempotency, routing."""
