"""The outside world behind ports: payment providers, mail, the clock."""
