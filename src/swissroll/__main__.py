"""The command's entry: even while it imports, Ctrl-C ends it without a traceback."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from swissroll.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
