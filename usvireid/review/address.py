"""Where the review of a run is served: the same address every time, so that an open page outlives its server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from usvireid.errors import UsvireidError

LOOPBACK: Final = "127.0.0.1"
ADDRESS_FILE: Final = ".review.json"
_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Address:
    """Port on the loopback interface, 0 for any that is free, and the secret that the path begins with.

    Other users of the same machine reach the port too; without the key they get nothing.
    """

    port: int
    key: str


def last_address(folder: Path) -> Address:
    """The address of the last review of a run; a new key where there was none, or the file is no longer private."""
    path = folder / ADDRESS_FILE
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        content = json.loads(path.read_bytes())
        private = path.stat().st_mode & 0o077 == 0
        if private and type(content["port"]) is int and 0 < content["port"] < 2**16 and _KEY.fullmatch(content["key"]):
            return Address(content["port"], content["key"])
    return Address(0, secrets.token_hex(16))


def keep_address(folder: Path, address: Address) -> None:
    """Write the address down for the next time, readable by this user only.

    Raises:
        UsvireidError: the folder cannot be written to.
    """
    path = folder / ADDRESS_FILE
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(address), file)
    except OSError as error:
        raise UsvireidError(f"{path}: cannot be written ({error.strerror}); see to the permissions.") from None
