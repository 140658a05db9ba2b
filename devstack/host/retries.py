"""When a failed timer run is tried again (the retry decorators of the Functions host).

Source: facts of the WebJobs SDK: attempts live in memory; fixed waits the interval; exponential waits the least interval first,
then least + 2^(n-2) x least x random(0.8..1.2), at most the greatest interval.
"""

import random
from datetime import timedelta

from devstack.host.functions import Retry


def wait_before(retry: Retry, attempt: int, spread: float | None = None) -> timedelta | None:
    """How long to wait before retry `attempt` (1 is the first); None when no attempt is left. `spread` is 0.8..1.2."""
    if 0 <= retry.limit < attempt:
        return None
    if retry.fixed is not None:
        return retry.fixed
    if attempt == 1:
        return min(retry.least, retry.most)
    factor = random.uniform(0.8, 1.2) if spread is None else spread  # noqa: S311 - spreads load, guards nothing
    # The cap keeps a retry for ever from overflowing; a million times the least interval is beyond any maximum.
    growth: float = 2 ** min(attempt - 2, 20) * factor
    return min(retry.least + retry.least * growth, retry.most)
