"""Pure tools under everything: the storage port, changes, refusals, ids, money, times, bounds. No feature, no I/O."""
