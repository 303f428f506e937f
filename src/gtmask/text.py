"""Text from data as JSON, UTF-8 and terminals can take it, and as others may read it."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import Any

#: What acts on a terminal or moves the text around it instead of being shown: control characters, line and
#: paragraph separators, and Unicode's marks and overrides of direction (Unicode Technical Report 36, 2.3).
_DIRECTION = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(32), *range(127, 160), *_DIRECTION)}
#: A query that lets whoever reads it in: signed URLs of S3, Google, Azure and CloudFront, access tokens.
_SECRET = re.compile(
    r"\?(?=[^\s\"'<>]*(?:signature|\bsig|credential|token|accesskeyid|key-pair-id|api_?key|secret|password)"
    r"[^\s\"'<>&=]*=)[^\s\"'<>]*",
    re.IGNORECASE,
)


def escape_unprintable(text: object, *, controls: bool = False) -> str:
    r"""Return text as it may stand in outputs and on terminals: what cannot be shown is spelled out.

    What cannot be written becomes ``\udcff`` or the like; the queries of signed URLs are left out, because
    they are keys to what the URL names.

    Parameters
    ----------
    text
        Names and labels may hold bytes that are not UTF-8 (as the system hands them over), and half
        characters that JSON can spell.
    controls
        Spell out, too, what would act on a terminal: control characters and marks of direction.

    Examples
    --------
    >>> import gtmask
    >>> gtmask.escape_unprintable("https://b.s3.amazonaws.com/a.jpg?X-Amz-Signature=0f3a is missing")
    'https://b.s3.amazonaws.com/a.jpg?… is missing'
    """
    escaped = str(text).encode("utf-8", "backslashreplace").decode()
    if "?" in escaped:
        escaped = _SECRET.sub("?…", escaped)
    return escaped.translate(_CONTROLS) if controls else escaped


def plain_values(value: Any) -> Any:
    """Return a result as any JSON writer takes it: objects by their fields, keys as texts in order, lists.

    What is neither an object with fields nor a dict, list or tuple stays as it is.
    """
    if is_dataclass(value):
        return {item.name: plain_values(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain_values(inner) for key, inner in sorted(value.items())}
    return [plain_values(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def text_hash(text: str) -> int:
    """Return 64 bits that stand for a text, the same ones in every process; half characters may be in it."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def one_line(error: BaseException) -> str:
    """Return what an exception says as the part of a sentence: in one line, without a stop at its end."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
