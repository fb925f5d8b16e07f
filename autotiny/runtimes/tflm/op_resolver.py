"""Registration calls of TFLM's ``MicroMutableOpResolver`` by operator name.

Source: ``tensorflow/lite/micro/micro_mutable_op_resolver.h``.
"""

from collections.abc import Iterable

from autotiny.errors import UnsupportedModelError

#: Operators whose method is ``Add`` + the name in camel case, with 2D and 3D kept in capitals.
_NAMES = """
    ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_TO_SPACE_ND BROADCAST_ARGS
    BROADCAST_TO CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS DEPTHWISE_CONV_2D DEPTH_TO_SPACE
    DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR
    FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GREATER GREATER_EQUAL HARD_SWISH IF
    L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR
    LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD
    PRELU QUANTIZE READ_VARIABLE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR
    RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX
    SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE
    STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV UNPACK VAR_HANDLE WHILE ZEROS_LIKE
"""
_REGULAR = frozenset(_NAMES.split())

#: The others: custom operators, and names that TFLM spells its own way.
_IRREGULAR = {
    "BATCH_MATMUL": "AddBatchMatMul",
    "CIRCULAR_BUFFER": "AddCircularBuffer",
    "CUMSUM": "AddCumSum",
    "PADV2": "AddPadV2",
    "SignalDelay": "AddDelay",
    "SignalEnergy": "AddEnergy",
    "SignalFftAutoScale": "AddFftAutoScale",
    "SignalFilterBank": "AddFilterBank",
    "SignalFilterBankLog": "AddFilterBankLog",
    "SignalFilterBankSpectralSubtraction": "AddFilterBankSpectralSubtraction",
    "SignalFilterBankSquareRoot": "AddFilterBankSquareRoot",
    "SignalFramer": "AddFramer",
    "SignalIrfft": "AddIrfft",
    "SignalOverlapAdd": "AddOverlapAdd",
    "SignalPCAN": "AddPCAN",
    "SignalRfft": "AddRfft",
    "SignalStacker": "AddStacker",
    "SignalWindow": "AddWindow",
    "TFLM_DECODE": "AddDecode",
    "TFLite_Detection_PostProcess": "AddDetectionPostprocess",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
}


def registrations(operators: Iterable[str]) -> tuple[str, ...]:
    """Return the resolver methods that register the operators, in order.

    Raises:
        UnsupportedModelError: If TFLM has no registration for one of them.
    """
    return tuple(_registration(operator) for operator in operators)


def _registration(operator: str) -> str:
    if operator in _IRREGULAR:
        return _IRREGULAR[operator]
    if operator not in _REGULAR:
        raise UnsupportedModelError(
            f"The op resolver has no registration for the operator {operator}; "
            "allowed are the operators of TensorFlow Lite Micro."
        )
    words = operator.replace("_2D", "_2d").split("_")
    return "Add" + "".join(word.capitalize() for word in words).replace("2d", "2D")
