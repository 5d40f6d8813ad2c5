"""One hash of many."""

from collections.abc import Sequence
from hashlib import blake2b


def fingerprint(ids: Sequence[str], digests: Sequence[bytes], also: str = "") -> str:
    """Changes with any name, with any digest and with `also`."""
    whole = blake2b(digest_size=16)
    for name, digest in zip(ids, digests, strict=True):
        whole.update(f"{name}\0{digest.hex()}\n".encode())
    whole.update(also.encode())
    return whole.hexdigest()
