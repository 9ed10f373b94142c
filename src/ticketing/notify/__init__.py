"""Turns stored facts into mail: what is to be told, to whom, in which words, and how often it was tried."""
