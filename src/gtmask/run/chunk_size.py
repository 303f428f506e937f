"""How many records a chunk has where nobody says it: worked out once, with the plan, and frozen in it.

A chunk costs something whatever is in it, which speaks for large ones; and a worker that is left without one
at the end waits for the others, for as long as a chunk takes at most, which speaks for small ones. Of ``n``
records that take ``t`` seconds each, in chunks of ``s`` that cost ``c`` each, both together are
``n / s * c + s * t`` seconds: the least where ``s`` is the square root of ``n * c / t``. So a run of a few
hundred images has several chunks for each of two workers, and one of millions few part files for each image,
without knowing how many workers there are. An estimate of ``t`` that is wrong by a factor of four makes
chunks twice as large as they should be: what the export tells cheaply is enough.

The seconds are what ``python -m bench.chunks`` shows on one core, roughly.
"""

from __future__ import annotations

import math
from typing import NamedTuple

#: Seconds that a chunk costs: its journal, part file, commit record and flush, and its way to a worker. In S3
#: these are nine requests, 6 ms of a core together, and round trips that other chunks in work do not fill.
CHUNK, S3_CHUNK = 2e-3, 20e-3
#: Seconds for each image (its head, two names in folders, a line), each shape, and each megapixel.
IMAGE, SHAPE, MEGAPIXEL = 2e-4, 1.2e-5, 3e-4
#: Seconds for each request to S3.
REQUEST = 4e-4
#: Records of a chunk: below, there would be more files and requests for chunks than for masks; above, chunks
#: cost next to nothing already, while lines are held in memory, and masks in flight lost in a crash.
LEAST, MOST = 8, 512
#: Seconds that a chunk may take: after an interruption it is waited for.
LONGEST = 1.0
#: Bytes of an annotation: as many count as one shape where only bytes are known.
SHAPE_BYTES = 400
#: Pixels of an image whose size the export does not tell.
PIXELS = 1_000_000
#: A size that is not further from the one worked out stays when a run is updated: chunks of which nothing
#: has changed are taken over whole.
NEAR = 4


class Load(NamedTuple):
    """How much there is to convert, as far as the export told it: records, all their shapes and pixels.

    ``gets`` and ``puts`` say whether images, and masks, are in S3.
    """

    records: int
    shapes: float
    pixels: float
    gets: bool = False
    puts: bool = False

    @property
    def each(self) -> float:
        """About how long one worker is at a record, in seconds."""
        whole = self.records * IMAGE + self.shapes * SHAPE + self.pixels / 1e6 * MEGAPIXEL
        return whole / self.records + (self.gets + self.puts) * REQUEST

    @property
    def chunk(self) -> float:
        """What a chunk costs, whatever is in it, in seconds."""
        return S3_CHUNK if self.puts else CHUNK


def fitting_size(load: Load) -> int:
    """Return how many records a chunk should have: a function of the load alone."""
    if not load.records:
        return LEAST
    best = math.sqrt(load.records * load.chunk / load.each)
    return max(LEAST, round(min(best, LONGEST / load.each, MOST)))


def kept_size(earlier: int, load: Load) -> int:
    """Return how many records a chunk of an update has, whose run before it had chunks of ``earlier``."""
    best = fitting_size(load)
    return earlier if best / NEAR <= earlier <= best * NEAR else best
