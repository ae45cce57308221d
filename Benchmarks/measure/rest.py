"""What does a server cost before it has work? How long it takes until it answers, and the memory it then rests with."""
from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from typing import Callable

from .answer import START_SECONDS_MAX, WrongAnswer
from .process import ProcessTree

PAUSE_SECONDS = 0.001
ANSWER_SECONDS_MAX = 10
SETTLING_SECONDS = 0.5  # whatever a server does after its first answer


@dataclass(frozen=True)
class Rest:
    start_milliseconds: float  # from before fork and exec
    memory_bytes: int  # of the whole tree
    processes: int


def rest(begun: float, process: ProcessTree, is_there: Callable[[], bool]) -> Rest:
    """`begun` is time.monotonic() from before the process was made. Raises WrongAnswer."""
    while not is_there():
        if not process.running():
            raise WrongAnswer(f"ended at start: {process.log_tail()}")
        if time.monotonic() - begun > START_SECONDS_MAX:
            raise WrongAnswer(f"not ready within {START_SECONDS_MAX} s: {process.log_tail()}")
        time.sleep(PAUSE_SECONDS)
    seconds = time.monotonic() - begun
    time.sleep(SETTLING_SECONDS)
    return Rest(seconds * 1e3, process.memory_bytes(), len(process.processes()))


def answers(port: int, path: str) -> bool:
    """Whether it listens; if it does, its answer is waited for and must be 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS_MAX)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
    except ConnectionRefusedError:
        return False
    except (OSError, http.client.HTTPException) as error:
        raise WrongAnswer(f"no answer to {path}: {error!r}") from None
    finally:
        connection.close()
    if response.status != 200:
        raise WrongAnswer(f"answers {response.status} to {path}")
    return True
