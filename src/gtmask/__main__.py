"""``python -m gtmask``, and the ``gtmask`` script: the command line in a process that is all ours."""

from gtmask.light import travel_light


def main() -> None:
    """Run the command line; nothing is imported for it before the process travels light."""
    travel_light()
    from gtmask.cli import main  # noqa: PLC0415

    main()


if __name__ == "__main__":
    main()
