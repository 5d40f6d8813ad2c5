"""A cache that is bounded by the bytes it holds."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class ByteCache(Generic[T]):
    """Keeps the values used most recently, up to a number of bytes. Safe to share among threads.

    Values must depend on their key alone, so that a cached value can never be out of date. A value
    that takes more than `max_bytes` on its own is not kept at all.
    """

    def __init__(self, max_bytes: int, num_bytes: Callable[[T], int]) -> None:
        self._max_bytes, self._num_bytes = max_bytes, num_bytes
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = Lock()
        self.held_bytes = 0

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, made where it is not held."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        size = self._num_bytes(value)
        with self._lock:
            if key not in self._values and size <= self._max_bytes:
                self._values[key] = value
                self.held_bytes += size
            while self.held_bytes > self._max_bytes:
                _, oldest = self._values.popitem(last=False)
                self.held_bytes -= self._num_bytes(oldest)
        return value
