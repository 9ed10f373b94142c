"""Offers, holds, orders and refunds: settles payments and issues admissions."""
