"""Measurements that anyone can repeat, each against a stated reference."""
