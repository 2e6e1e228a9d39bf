"""Nothing committed depends on, or tells of, the machine it was written on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Git = Callable[..., str]

FORBIDDEN = {
    "a path of one machine": r"/(?:work|root)/|/tmp/w\b|/(?:home|Users)/(?!somebody\b)\w|\bC:\\",
    "a host of a package registry": r"pypi\.org|pythonhosted\.org|anaconda\.org|"
    r"--(?:extra-)?index-url|--trusted-host|--find-links",
    "how it was written": r"(?i)\bco-authored-by\b|\bgenerated (?:by|with)\b|"
    r"(?<![-_])\bagents?\b|\bassistants?\b|\bAI tool",
}
THIS = "tests/documents/test_committed_files.py"  # which names what it forbids


def _texts(root: Path, git: Git) -> Iterator[tuple[str, str]]:
    """Path and text of each file that is committed or is about to be."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        path = root / name
        if path.is_file() and name != THIS:
            content = path.read_bytes()
            if b"\0" not in content:
                yield name, content.decode("utf-8")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str, root: Path, git: Git) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in _texts(root, git)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_no_commit_message_tells_how_it_was_written(git: Git) -> None:
    messages = git("log", "-500", "--format=%B")
    assert re.findall(FORBIDDEN["how it was written"], messages) == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("bars = read('/root/bars.csv')", "a path of one machine"),
        ("see /home/alice/notes", "a path of one machine"),
        ("pip install --index-url https://x", "a host of a package registry"),
        ("Co-Authored-By: somebody", "how it was written"),
    ],
)
def test_the_patterns_find_what_they_are_for(line: str, what: str) -> None:
    assert re.search(FORBIDDEN[what], line)


def test_the_pins_are_versions_and_nothing_else(root: Path) -> None:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 50
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[\w.+!]+", pin)] == []


def test_the_changelog_has_an_unreleased_section(root: Path) -> None:
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section
    assert re.search(r"^- \w", section[1], re.MULTILINE)
