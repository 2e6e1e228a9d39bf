"""What a strategy prints, as lines, as many as are allowed."""

from __future__ import annotations

import io

from runner.sandbox.wire import LARGEST_FRAME

MOST_BYTES = LARGEST_FRAME // 2
"""Of all lines, so that they fit into a frame beside as many orders as are allowed."""

_LINE_HEADER = 5
"""Bytes beside its text."""


class Logs(io.TextIOBase):
    """Stands for stdout and stderr of a strategy; what exceeds the caps is counted, not kept."""

    def __init__(self, most_lines: int, most_characters: int) -> None:
        self._most_lines, self._most_characters = most_lines, most_characters
        self._lines: list[str] = []
        self._unfinished = ""
        self._n_bytes = self._n_lost = 0

    def writable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def write(self, text: str) -> int:
        """Take up what was printed."""
        *whole, rest = f"{self._unfinished}{text}".split("\n")
        self._unfinished = rest[: self._most_characters + 1]
        for line in whole:
            self.add(line)
        return len(text)

    def add(self, line: str) -> None:
        """Take up one line; what has no place in UTF-8 becomes a question mark."""
        if self._n_lost or len(self._lines) >= self._most_lines:
            self._n_lost += 1
            return
        if len(line) > self._most_characters:
            line = line[: self._most_characters - 1] + "…"
        encoded = line.encode(errors="replace")
        self._n_bytes += len(encoded) + _LINE_HEADER
        if self._n_bytes > MOST_BYTES:
            self._n_lost += 1
        else:
            self._lines.append(encoded.decode())

    def take(self) -> list[str]:
        """The lines since the last call."""
        if self._unfinished:
            self.add(self._unfinished)
        lines, n_lost = self._lines, self._n_lost
        self._lines, self._unfinished, self._n_bytes, self._n_lost = [], "", 0, 0
        return [*lines, f"({n_lost} more lines were not kept)"] if n_lost else lines
