"""Tickets for the wallets of phones: what they say, and how Apple's and Google's take them. Nothing here talks to either."""
