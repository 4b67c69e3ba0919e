"""Which answers are compressed, and how: those that are answered directly as the others.

Knows sizes and gzip. Must not know requests, nor what an answer says.
"""

import asyncio
import math
import zlib
from collections.abc import Callable

ASIDE_BYTES = 128 * 1024
"""What is longer is compressed by a thread: half a megabyte would hold the loop up for ten milliseconds."""

_AS_GZIP = 16 + zlib.MAX_WBITS


class Compression:
    """The rule of one address, for answers that are not read in pieces.

    Args:
        from_bytes: which length is worth it, from here on; infinity: nothing is compressed.
        level: how hard is tried, from 1 to 9.
    """

    def __init__(self, from_bytes: float = math.inf, level: int = 1) -> None:
        self.from_bytes = from_bytes
        self.level = level
        self._last = self._last_compressed = b""

    def compress(self, body: bytes, done: Callable[[bytes], None]) -> None:
        """Have ``done`` called with the body as gzip: now, or later if it is long.

        An event goes to one listener after the other as the same object, and is compressed once.
        """
        if body is self._last:
            done(self._last_compressed)
        elif len(body) < ASIDE_BYTES:
            self._keep(body, done, _compress(body, self.level))
        else:
            loop = asyncio.get_running_loop()
            work = loop.run_in_executor(None, _compress, body, self.level)
            work.add_done_callback(lambda finished: self._keep(body, done, finished.result()))

    def _keep(self, body: bytes, done: Callable[[bytes], None], compressed: bytes) -> None:
        self._last, self._last_compressed = body, compressed
        done(compressed)


def _compress(body: bytes, level: int) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, _AS_GZIP)
    return compressor.compress(body) + compressor.flush()
