"""Memory-mapped files: the standard library's mmap, with an exception for a truncated file instead
of SIGBUS.

``import safemap as mmap`` uses it in one program, ``python -m safemap program.py`` runs a program
unchanged, and :func:`install` replaces the standard module in the running interpreter.
:func:`open` maps a file by its path.

In addition to the names of the standard module there are:

=======================  ===========================================================================
:func:`open`             maps a file by its path, and returns a :class:`Map`
:class:`Map`             a ``mmap`` that grows, is a file object, and may have transactions
:class:`FaultError`      the exception for bytes that the file has lost
:class:`InDoubtError`    the exception if it is not known whether a commit is durable
:func:`install`          replaces the standard module in the running interpreter
:class:`intact`          ``with intact():`` raises FaultError if zeros have replaced lost bytes
:func:`damages`          counts the faults after which zeros have replaced lost bytes
``safemap.ipc``          Channel, Queue, Journal, Mutex, Atomic, SharedMemory: between processes
``safemap.numpy``        arrays whose memory is a mapped file
:class:`Transaction`     the block of ``with m.transaction():``
:class:`Reading`         the block of ``with m.reading():``
:class:`MapIO`           a stream of a map, of ``m.reader()``
:class:`LineIterator`    of ``m.lines()``, which may give objects of the class :class:`Line`
:class:`FindIterator`    of ``m.find_iter()``
=======================  ===========================================================================

``help(safemap.open)`` describes one of them.
``__version__`` is the version of the package.

The documentation is at https://docs.safemap.invalid/
"""

# Imported before a finalizer needs it: not while the interpreter shuts down.
from safemap import _windows as _windows
from safemap._damage import intact as intact
from safemap._install import install as install
from safemap._open import open as open
from safemap._safemap import *  # noqa: F403
from safemap._safemap import _STANDARD_NAMES
from safemap._safemap import __version__ as __version__
from safemap._stream import MapIO as MapIO

# Programs that say ``from mmap import *`` get the names of the standard module. Type checkers take
# the names above.
globals()["__all__"] = _STANDARD_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from safemap import ipc as ipc
    from safemap import numpy as numpy
    from safemap._line import Line as Line
else:

    def __getattr__(name):
        """Imports at the first use what not every program needs. For Line, namedtuple takes longer
        than the rest of the package.
        """
        if name in ("ipc", "numpy"):
            from importlib import import_module

            return import_module(f"{__name__}.{name}")
        if name != "Line":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from safemap._line import Line

        return Line


del TYPE_CHECKING
