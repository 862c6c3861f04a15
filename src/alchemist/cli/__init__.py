"""The command line: arguments in, sentences out; the flow does the work."""

import sys

from alchemist.core.errors import AlchemistError


def main() -> None:
    """Run the command; our own errors become one sentence and exit code 1."""
    from alchemist.cli.app import app, spelled_out

    sys.argv[1:] = spelled_out(sys.argv[1:])
    try:
        app(standalone_mode=True)
    except AlchemistError as error:
        print(f"alchemist: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("alchemist: stopped; run it again to go on from here.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); that is no error of ours.
        sys.stderr.close()
        sys.exit(0)
