"""Registers how objects are pickled for other processes of this machine, and only for those.

`multiprocessing`, loky (the workers of joblib) and `distributed` (those of dask) have private
tables for this. `copyreg` is no place for it: it applies to pickles that are kept, too.
"""

from __future__ import annotations

import pickle
import platform
import sys
from multiprocessing.reduction import ForkingPickler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    # Returns the parts of a pickle that are a reference, or None if the object has none.
    _Reference: TypeAlias = Callable[[Any], tuple[Any, ...] | None]

# joblib contains a copy of loky.
_LOKY = ("joblib.externals.loky.backend.reduction", "loky.backend.reduction")
_DISTRIBUTED = "distributed.protocol.serialize"


def _register(cls: type, reference: _Reference) -> None:
    """Registers a class with the picklers that are loaded. Imports nothing by itself."""

    def reduce(obj: Any) -> Any:
        # Protocol 2 is one that all of these picklers can write.
        return reference(obj) or obj.__reduce_ex__(2)

    def serialize(obj: Any) -> tuple[dict[str, Any], list[Any]]:
        return _serialized(reference(obj))

    ForkingPickler.register(cls, reduce)
    for name in _LOKY:
        # A module that another thread imports at the moment lacks the function.
        if register := getattr(sys.modules.get(name), "register", None):
            register(cls, reduce)
    names: dict[str, Any] = getattr(sys.modules.get(_DISTRIBUTED), "__dict__", {})
    if "dask_deserialize" in names:
        names["dask_serialize"].register(cls, serialize)
        names["dask_deserialize"].register(cls, _deserialize)


def _serialized(reduced: tuple[Any, ...] | None) -> tuple[dict[str, Any], list[Any]]:
    if reduced is None:
        # distributed continues with the next way to serialize, which is a pickle.
        raise NotImplementedError
    return {"host": platform.node()}, [pickle.dumps(reduced)]


def _deserialize(header: dict[str, Any], frames: list[Any]) -> Any:
    """Called in workers of distributed, also on other machines."""
    if header["host"] != platform.node():
        raise ValueError(f"the array is a reference to a file of {header['host']}: pass a copy")
    function, arguments = pickle.loads(frames[0])
    return function(*arguments)
