"""The operators that the runtime has: one line here for each, in one file for each kind."""

from collections.abc import Mapping

from autotiny.runtimes.c.operators import (
    elementwise,
    moves,
    pool,
    prelu,
    quantize,
    softmax,
    tables,
    weighted,
)
from autotiny.runtimes.c.operators._base import Context, OperatorReader, refused

#: Operator to its reader.
OPERATORS: Mapping[str, OperatorReader] = {
    "CONV_2D": weighted.convolution,
    "DEPTHWISE_CONV_2D": weighted.depthwise,
    "FULLY_CONNECTED": weighted.dense,
    "MAX_POOL_2D": pool.pool,
    "AVERAGE_POOL_2D": pool.pool,
    "MEAN": pool.mean,
    "ADD": elementwise.add,
    "SUB": elementwise.add,
    "MUL": elementwise.multiply,
    "PRELU": prelu.prelu,
    "SOFTMAX": softmax.softmax,
    "LOGISTIC": tables.table,
    "TANH": tables.table,
    "HARD_SWISH": tables.table,
    "ELU": tables.table,
    "RELU": tables.table,
    "RELU6": tables.table,
    "LEAKY_RELU": tables.table,
    "DEQUANTIZE": tables.dequantize,
    "QUANTIZE": quantize.quantize,
    "CONCATENATION": moves.concatenation,
    "PAD": moves.pad,
    "PADV2": moves.pad,
    "RESHAPE": moves.view,
    "EXPAND_DIMS": moves.view,
    "SQUEEZE": moves.view,
    "SHAPE": moves.of_shapes,
    "STRIDED_SLICE": moves.of_shapes,
    "PACK": moves.of_shapes,
}

__all__ = ["OPERATORS", "Context", "refused"]
