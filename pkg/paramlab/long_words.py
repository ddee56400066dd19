"""The merges of a byte-pair encoding in long words, for which the plain loop would take too long.

The plain loop (:meth:`paramlab.tokenizer.Tokenizer.encode`) looks at all pairs of a word for every
merge: n letters take up to n squared steps, which a text of 100,000 letters without a space makes
minutes. The queue here takes about n log n.
"""

import heapq
from collections.abc import Mapping


def merged_by_queue(parts: list[str], ranks: Mapping[str, int]) -> list[str]:
    """Merge neighbors until no pair is known: each time the pair of the lowest rank, the first.

    The parts form a chain, and a queue holds the pairs by rank.

    Examples
    --------
    >>> merged_by_queue(list("abaab"), {"a b": 0, "ab a": 1})
    ['aba', 'ab']
    """
    parts = list(parts)
    n = len(parts)
    before, after = list(range(-1, n)), list(range(1, n + 1))
    queue: list[tuple[int, int]] = []  # rank of a pair, place of its left part

    def rank_at(left: int) -> int | None:
        right = after[left]
        return ranks.get(f"{parts[left]} {parts[right]}") if right < n else None

    def enqueue(left: int) -> None:
        if left >= 0 and (rank := rank_at(left)) is not None:
            heapq.heappush(queue, (rank, left))

    for left in range(n):
        enqueue(left)
    while queue:
        rank, left = heapq.heappop(queue)
        if rank_at(left) != rank:
            continue  # a merge before this one took one of the two away
        right = after[left]
        parts[left] += parts[right]
        parts[right] = ""  # out of the chain
        after[left] = after[right]
        before[after[left]] = left
        enqueue(before[left])
        enqueue(left)
    return [part for part in parts if part]
