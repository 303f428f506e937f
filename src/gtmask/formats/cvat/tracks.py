"""CVAT's video XML: tracks of shapes over frames become frames of shapes over tracks.

The document lists track after track; an index of 40 bytes per shape turns that around without holding
the shapes. Shapes with ``outside="1"`` say that the object has left: they are never drawn. A frame that a
track passes between two of its shapes has none of its own: it is told, or computed with --interpolate.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gtmask.formats.reading.xmlstream import Piece


class Drawn(NamedTuple):
    """One shape of a frame: the bytes of its element, or of the two that it lies between.

    ``share`` is None for a shape of the frame's own, 0..1 for one between ``start`` and ``later``.
    """

    label: str
    start: int
    stop: int
    share: float | None = None
    later: tuple[int, int] | None = None


class _Track:
    """The shapes of one object: frames ascending, byte ranges, and whether it is outside there."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.frames = array("q")
        self.starts = array("q")
        self.stops = array("q")
        self.outside = array("b")

    def add(self, frame: int, piece: Piece) -> None:
        at = bisect_right(self.frames, frame)
        self.frames.insert(at, frame)
        self.starts.insert(at, piece.start)
        self.stops.insert(at, piece.stop)
        self.outside.insert(at, piece.attributes.get("outside") == "1")

    def at(self, frame: int) -> Drawn | None:
        """Return what the track shows in a frame; None where it is outside or not there."""
        at = bisect_right(self.frames, frame) - 1
        if at < 0 or self.outside[at]:
            return None
        here = (self.label, self.starts[at], self.stops[at])
        if self.frames[at] == frame:
            return Drawn(*here)
        if at + 1 == len(self.frames):
            return None
        if self.outside[at + 1]:
            return Drawn(*here, 0.0)
        share = (frame - self.frames[at]) / (self.frames[at + 1] - self.frames[at])
        return Drawn(*here, share, (self.starts[at + 1], self.stops[at + 1]))


class TrackIndex:
    """Which shapes of which tracks a frame shows.

    Parameters
    ----------
    pieces
        Elements of depth 2 and 3 in document order, children before their parents.
    """

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self.bad = 0
        self._tracks: list[_Track] = []
        current: tuple[int, _Track] | None = None
        for piece in pieces:
            if piece.depth == 3 and "frame" in piece.attributes:
                if current is None or current[0] != piece.number:
                    current = (piece.number, _Track(""))
                try:
                    current[1].add(int(piece.attributes["frame"]), piece)
                except (ValueError, OverflowError):
                    self.bad += 1
            elif piece.depth == 2 and piece.tag == "track":
                if current is not None and current[0] == piece.number:
                    current[1].label = piece.attributes.get("label", "")
                    self._tracks.append(current[1])
                current = None

    def frames(self, step: int, *, between: bool) -> Iterator[int]:
        """Yield the frames, ascending: those with shapes, or (``between``) also those that tracks pass.

        ``step`` is the distance of two frames of the task (its frame filter).
        """
        own = sorted({frame for track in self._tracks for frame in track.frames})
        if not between:
            yield from own
            return
        for frame, following in zip(own, [*own[1:], None], strict=True):
            yield frame
            if following is not None and self._alive(frame):
                yield from range(frame + step, following, step)

    def _alive(self, frame: int) -> bool:
        """Say whether any track shows something after this frame and before its next shape."""
        return any(track.frames[-1] > frame and track.at(frame) is not None for track in self._tracks)

    def shapes(self, frame: int) -> list[Drawn]:
        """Return what a frame shows, in track order."""
        return [drawn for track in self._tracks if (drawn := track.at(frame)) is not None]
