"""``python -m gtmask``, and the ``gtmask`` script: the command line in a process that is all ours."""

from gtmask.light import end_at_once, travel_light


def main() -> None:
    """Run the command line; nothing is imported for it before the process travels light."""
    travel_light()
    from gtmask.cli import main  # noqa: PLC0415

    try:
        main()
    except SystemExit as end:
        end_at_once(end.code)
        raise


if __name__ == "__main__":
    main()
