"""Text from data as JSON, UTF-8 and terminals can take it: what cannot be shown must not stop the telling."""

from __future__ import annotations

#: Control characters but line breaks and tabs.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def escape_unprintable(text: object, *, controls: bool = False) -> str:
    r"""Return text in which what cannot be written is spelled out, such as ``\udcff``.

    Parameters
    ----------
    text
        Names and labels may hold bytes that are not UTF-8 (as the system hands them over), and half
        characters that JSON can spell.
    controls
        Spell out control characters but line breaks and tabs, too: on a terminal they would act.
    """
    escaped = str(text).encode("utf-8", "backslashreplace").decode()
    return escaped.translate(_CONTROLS) if controls else escaped


def one_line(error: BaseException) -> str:
    """Return what an exception says as the part of a sentence: in one line, without a stop at its end."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
