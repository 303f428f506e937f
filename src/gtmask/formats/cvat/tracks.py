"""CVAT's video XML: tracks of shapes over frames become frames of shapes over tracks.

The document lists track after track; an index of 40 bytes per shape turns that around without holding
the shapes. Shapes with ``outside="1"`` say that the object has left: they are never drawn. A frame that a
track passes between two of its shapes has none of its own: it is told, or computed with --interpolate. A
track whose last shape is not outside goes on as it is there to the end of its video (CVAT
``dataset_manager/annotation.py``, ``get_interpolated_shapes``).
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
    ``doubtful`` says that it may be of the frame before alone.
    """

    label: str
    start: int
    stop: int
    share: float | None = None
    later: tuple[int, int] | None = None
    doubtful: bool = False


class Clock(NamedTuple):
    """Which frames a video has: the distance of two of them, and the last one where that is known."""

    step: int = 1
    stop: int | None = None


class _Track:
    """The shapes of one object: frames ascending, byte ranges, and whether it is outside there."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.frames = array("q")
        self.starts = array("q")
        self.stops = array("q")
        self.outside = array("b")

    def add(self, frame: int, piece: Piece) -> bool:
        """Add a shape; say whether the track has another one in this frame, which it covers."""
        at = bisect_right(self.frames, frame)
        self.frames.insert(at, frame)
        self.starts.insert(at, piece.start)
        self.stops.insert(at, piece.stop)
        self.outside.insert(at, piece.attributes.get("outside") == "1")
        return at > 0 and self.frames[at - 1] == frame

    def at(self, frame: int, clock: Clock) -> Drawn | None:
        """Return what the track shows in a frame; None where it is outside or not there.

        A shape that is of no track becomes one of itself and an end in the frame after it, which CVAT forgets
        where that is the video's last one (``dataset_manager/formats/cvat.py``).
        """
        at = bisect_right(self.frames, frame) - 1
        if at < 0 or self.outside[at]:
            return None
        here = (self.label, self.starts[at], self.stops[at])
        if self.frames[at] == frame:
            return Drawn(*here)
        if at + 1 == len(self.frames):
            return Drawn(*here, 0.0, None, at == 0 and self.frames[0] + clock.step == clock.stop)
        if self.outside[at + 1]:
            return Drawn(*here, 0.0)
        share = (frame - self.frames[at]) / (self.frames[at + 1] - self.frames[at])
        return Drawn(*here, share, (self.starts[at + 1], self.stops[at + 1]))


class Video(NamedTuple):
    """Within what frames are counted: the documents of a project hold several videos, each from 0 on."""

    subset: str = ""
    task: str = ""


class TrackIndex:
    """The tracks of a document, by video.

    - ``pieces``: elements of depth 2 and 3 in document order, children before their parents.

    - ``videos``: the tracks of each video, in the order of their first ones.
    - ``bad``: how many elements of tracks have no frame number.
    - ``doubled``: how many stand in a frame in which their track has a later one: only that is drawn.
    - ``odd``: how many say neither that the object is outside (1) nor that it is not (0 or nothing).
    """

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self.bad = self.odd = self.doubled = 0
        self.videos: dict[Video, Tracks] = {}
        track, number, bad, odd = _Track(""), -1, 0, 0
        for piece in pieces:
            if piece.number != number:
                track, number, bad, odd = _Track(""), piece.number, 0, 0
            if piece.depth == 3:
                odd += piece.attributes.get("outside", "0") not in {"0", "1"}
                try:
                    self.doubled += track.add(_frame(piece.attributes["frame"]), piece)
                except (KeyError, ValueError, OverflowError):
                    bad += 1
            elif piece.depth == 2 and piece.tag == "track":
                self.bad, self.odd = self.bad + bad, self.odd + odd
                track.label = piece.attributes.get("label", "")
                video = Video(piece.attributes.get("subset", ""), piece.attributes.get("task_id", ""))
                self.videos.setdefault(video, Tracks()).add(track)


def _frame(text: str) -> int:
    """Return a frame's number; raises ValueError where it is none."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r:.40} is no frame number")
    return int(text)


class Tracks:
    """Which shapes of which tracks the frames of one video show."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []

    def add(self, track: _Track) -> None:
        """Take a track; one without shapes shows nothing."""
        if track.frames:
            self._tracks.append(track)

    def frames(self, clock: Clock, *, between: bool) -> Iterator[int]:
        """Yield the frames, ascending: those with shapes, or (``between``) also those that tracks pass."""
        own = sorted({frame for track in self._tracks for frame in track.frames})
        if not between or not own:
            yield from own
            return
        end = own[-1] if clock.stop is None else clock.stop
        for frame, following in zip(own, [*own[1:], end + 1], strict=True):
            yield frame
            if any(track.at(frame, clock) is not None for track in self._tracks):
                yield from range(frame + clock.step, following, clock.step)

    def shapes(self, frame: int, clock: Clock) -> list[Drawn]:
        """Return what a frame shows, in track order."""
        return [drawn for track in self._tracks if (drawn := track.at(frame, clock)) is not None]
