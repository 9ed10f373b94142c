"""`python -m ticketing` is `ticket`."""

from ticketing.entry.cli import main

if __name__ == "__main__":
    main()
