"""What a strategy prints, as lines, as many as are allowed."""

from __future__ import annotations

import io


class Logs(io.TextIOBase):
    """Stands for stdout and stderr of a strategy; what exceeds the caps is counted, not kept."""

    def __init__(self, most_lines: int, most_characters: int) -> None:
        self._most_lines, self._most_characters = most_lines, most_characters
        self._lines: list[str] = []
        self._unfinished = ""
        self._n_lost = 0

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
        """Take up one line."""
        if len(self._lines) >= self._most_lines:
            self._n_lost += 1
        elif len(line) > self._most_characters:
            self._lines.append(line[: self._most_characters - 1] + "…")
        else:
            self._lines.append(line)

    def take(self) -> list[str]:
        """The lines since the last call."""
        if self._unfinished:
            self.add(self._unfinished)
        lines, n_lost = self._lines, self._n_lost
        self._lines, self._unfinished, self._n_lost = [], "", 0
        return [*lines, f"({n_lost} more lines were not kept)"] if n_lost else lines
