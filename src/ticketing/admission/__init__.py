"""Admissions: who may enter, by which signed code."""
