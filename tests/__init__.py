"""The specification: one sentence each, run against real stores."""
