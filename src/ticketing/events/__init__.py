"""Events, their categories, ticket types, sale windows and capacity."""
