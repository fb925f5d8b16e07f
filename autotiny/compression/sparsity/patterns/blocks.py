"""Four neighbours are zero together: a kernel may skip four products at once."""

from typing import Any

from autotiny.compression.sparsity._base import Now, Pattern, Stored
from autotiny.compression.sparsity.patterns.free import largest

#: Weights of a block, neighbours as they are stored; the last block may have fewer.
BLOCK = 4


class Blocks(Pattern):
    """Blocks of four (Narang, Undersander and Diamos 2017, Block-Sparse Recurrent Networks)."""

    name = "blocks"

    def kept_count(self, size: int, sparsity: float) -> int:
        """Return how many weights stay: whole blocks, of which the last is kept first."""
        blocks = -(-size // BLOCK)
        going = min(blocks - 1, round(blocks * sparsity))
        return size - going * BLOCK

    def mask(self, tf: Any, scores: Stored, now: Now, kept: int) -> Stored:
        """Keep the blocks whose weights are worth most together."""
        size = int(scores.shape[0])
        blocks = -(-size // BLOCK)
        padded = tf.pad(scores, [(0, blocks * BLOCK - size)])
        worth = tf.reduce_sum(tf.reshape(padded, (blocks, BLOCK)), axis=1)
        if size % BLOCK:  # a smaller block would make the count another one
            worth = tf.concat([worth[:-1], [float("inf")]], 0)
        going = tf.cast(tf.round((size - kept) // BLOCK * now.share), tf.int32)
        count = tf.where(now.arrived, blocks - (size - kept) // BLOCK, blocks - going)
        return tf.repeat(largest(tf, worth, count), BLOCK)[:size]
