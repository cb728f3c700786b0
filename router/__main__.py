"""`python -m router` is `rookery`."""

from router.cli import main

if __name__ == "__main__":
    main()
