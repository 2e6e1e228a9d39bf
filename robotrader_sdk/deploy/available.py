"""What user code finds where it will run: which packages, and which parts of Python can't work.

A bundle runs in a jail without files, network, other processes, threads and environment.
"""

from __future__ import annotations

import sys

LIBRARY = ("robotrader_sdk", "strategies")
"""The library's own packages: their classes travel by name."""

PACKAGES = (*LIBRARY, "numba", "numpy", "pandas", "pydantic", "scipy", "sklearn", "ta", "talib")
"""What the jail has beside the standard library; scipy and sklearn where they are installed."""

_NETWORK = "the jail has no network"
_PROCESSES = "the jail starts no processes and no threads"
_FILES = "the jail has no files"
_MEMORY = "the jail gives no access to raw memory"
_HIDDEN = "what it brings in can't be seen in the source; write imports out"
_SCREEN = "the jail has neither screen nor keyboard"
_SYSTEM = "the jail has no files, processes or environment"

_UNUSABLE_PARTS = {
    _NETWORK: "asyncio ftplib http imaplib poplib select selectors smtplib socket socketserver ssl "
    "telnetlib nntplib urllib.request urllib.error urllib.robotparser webbrowser wsgiref xmlrpc",
    _PROCESSES: "_thread concurrent faulthandler multiprocessing pty sched signal subprocess "
    "threading",
    _FILES: "dbm fileinput glob mailbox netrc pathlib shelve shutil sqlite3 tarfile tempfile "
    "zipfile",
    _MEMORY: "_ctypes ctypes mmap",
    _HIDDEN: "code codeop imp importlib pkgutil runpy site zipimport",
    _SCREEN: "bdb cmd curses getpass idlelib pdb readline rlcompleter termios tkinter tty turtle",
    _SYSTEM: "fcntl grp nt ntpath os platform posix posixpath pwd resource syslog winreg",
}

UNUSABLE = {name: reason for reason, names in _UNUSABLE_PARTS.items() for name in names.split()}
"""Parts of the standard library that can't work in the jail, and why."""

UNUSABLE_BUILTINS = {
    "open": _FILES,
    "input": _SCREEN,
    "breakpoint": _SCREEN,
    "exit": _SCREEN,
    "quit": _SCREEN,
    "help": _SCREEN,
    "eval": "what its text uses can't be seen in the source",
    "exec": "what its text uses can't be seen in the source",
    "compile": "what its text uses can't be seen in the source",
    "globals": "what is read or written through it can't be seen in the source",
    "__import__": _HIDDEN,
}
"""Built-in functions that can't work in the jail, or hide what they use, and why."""


def why_not_available(module: str) -> str | None:
    """Why a module, by its full name, can't be imported in the jail; None: it can."""
    parts = module.split(".")
    for n_parts in range(len(parts), 0, -1):
        reason = UNUSABLE.get(".".join(parts[:n_parts]))
        if reason is not None:
            return reason
    if parts[0] in sys.stdlib_module_names or parts[0] in PACKAGES:
        return None
    return f"the jail has no package {parts[0]}; it has {', '.join(PACKAGES)}"
