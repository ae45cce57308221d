"""Whether the kernel lets this process have an io_uring."""
from __future__ import annotations

import ctypes
import errno

IO_URING_SETUP = 425


def reason_without_io_uring() -> str | None:
    """Containers and sysctl may forbid io_uring; then, and only then, its half of the tests is skipped."""
    parameters = ctypes.create_string_buffer(120)
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(IO_URING_SETUP, 1, parameters)
    if descriptor >= 0:
        libc.close(descriptor)
        return None
    code = ctypes.get_errno()
    return f"io_uring is not allowed here ({errno.errorcode[code]})" if code in (errno.EPERM, errno.ENOSYS, errno.EACCES) else None
