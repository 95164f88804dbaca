"""Communication between processes through mapped memory."""

from safemap._shared_memory import SharedMemory as SharedMemory

__all__ = ["SharedMemory"]
