"""Use cases of events, ticket types and categories, each in its own file."""
