"""Everything that can be said about a .tflite file on a target, whoever made the file.

What cannot be said is None, and ``Analysis.unaccounted`` says why in a sentence.
"""

from dataclasses import replace

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes._analysis import Analysis, LayerAnalysis
from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm import instructions, interpreter, legality
from autotiny.runtimes.tflm.arena import Arena, predict_arena
from autotiny.runtimes.tflm.breakdown import break_down
from autotiny.runtimes.tflm.code_size import CodeSize, code_size
from autotiny.runtimes.tflm.figures import (
    errors,
    make_footprint,
    origins,
    overhead_ram_bytes,
    registered_operators,
)
from autotiny.runtimes.tflm.versions import version_of
from autotiny.tflite.reader import TYPE_BITS, Model, Operator, read_model

_DECODE_TYPES = {0: "lut", 1: "huffman", 2: "pruned"}
_DECODE_HEADER_BYTES = 16


def analyze(
    data: bytes, target: Target, *, app_flash_bytes: int = 0, app_ram_bytes: int = 0
) -> Analysis:
    """Return everything that is known about a .tflite file on a target.

    Args:
        data: Any .tflite file; it is verified, and run in a process of its own.
        target: What it would run on.
        app_flash_bytes: Flash that the application takes besides.
        app_ram_bytes: RAM that the application takes besides.

    Raises:
        InputError: If the file is no sound TFLite model, or the target is not one of TFLM's.
    """
    model = read_model(data)
    missing = _dynamic_inputs(model)
    refusal = _refusal(model, target)
    code = _code_size(model, target, missing)
    arena, trouble = _arena(data, model, target, missing)
    work = instructions.model_work(model, target)
    footprint = None
    if code is not None and arena is not None:
        footprint = make_footprint(data, model, target, arena, code, app_flash_bytes, app_ram_bytes)
    return Analysis(
        model_bytes=len(data),
        runtime_bytes=code.size if code else None,
        runtime_note=code.note if code else "",
        arena_used_bytes=arena.used if arena else None,
        arena_min_bytes=arena.smallest if arena else None,
        arena_head_bytes=arena.head if arena else None,
        overhead_ram_bytes=overhead_ram_bytes(),
        macs=work.macs,
        params=instructions.parameter_count(model),
        instructions=work.known,
        instructions_error=work.error,
        arena_note=version_of(target).exact[target.kernels],
        footprint=footprint,
        breakdown=break_down(data),
        layers=_layers(model, target, arena),
        buffers=arena.buffers if arena else (),
        refusal=refusal or trouble,
        unaccounted=(*missing, *work.unaccounted),
        origins=origins(code, work),
        errors=errors(code, work),
    )


def _dynamic_inputs(model: Model) -> list[str]:
    """Return a sentence for each input with dynamic dimensions; the batch is always 1."""
    found = []
    for tensor in (model.tensors[index] for index in model.inputs):
        if any(size < 0 for size in tensor.signature[1:]):
            name = "".join(c if c.isprintable() else "?" for c in tensor.name[:100])
            signature = "x".join("?" if size < 0 else str(size) for size in tensor.signature)
            shape = "x".join(map(str, tensor.shape))
            found.append(
                f"Input {name or tensor.index}: its shape {signature} is dynamic, and all figures "
                f"are for {shape}, which the file states."
            )
    return found


def _refusal(model: Model, target: Target) -> str | None:
    try:
        legality.check(model, target)
    except UnsupportedModelError as error:
        return str(error)
    return None


def _code_size(model: Model, target: Target, missing: list[str]) -> CodeSize | None:
    try:
        return code_size(registered_operators(model), target)
    except UnsupportedModelError as error:
        missing.append(str(error))
        return None


def _arena(
    data: bytes, model: Model, target: Target, missing: list[str]
) -> tuple[Arena | None, str | None]:
    """Return the arena, and why TFLM refuses the model if it does."""
    try:
        recorded, _ = interpreter.recorded_arena(data, trusted=False)
    except UnsupportedModelError as error:
        return None, str(error)
    try:
        arena = predict_arena(model, target, recorded_head=recorded)
    except UnsupportedModelError as error:
        missing.append(str(error))
        return None, None
    top = max((buffer.offset + buffer.size for buffer in arena.buffers), default=0)
    if top != arena.head:
        missing.append(
            f"Memory map: it ends at {top} bytes, and TFLM's own plan at {arena.head} bytes."
        )
    return arena, None


def _layers(model: Model, target: Target, arena: Arena | None) -> tuple[LayerAnalysis, ...]:
    """Return every operator; shares only of a total that is fully known."""
    decoders = {index: op for op in model.operators if op.name == "TFLM_DECODE"
                for index in op.outputs}  # fmt: skip
    layers = [_layer(model, op, target, arena, decoders) for op in model.operators]
    known = [layer.instructions for layer in layers if layer.instructions is not None]
    total = sum(known)
    if len(known) < len(layers) or not total:
        return tuple(layers)
    return tuple(replace(layer, share=(layer.instructions or 0) / total) for layer in layers)


def _layer(
    model: Model, operator: Operator, target: Target, arena: Arena | None,
    decoders: dict[int, Operator],
) -> LayerAnalysis:  # fmt: skip
    parameters = instructions.parameter_inputs(model, operator)
    activations = [
        model.tensors[i] for i in operator.inputs
        if i >= 0 and i not in parameters and model.tensors[i].data is None and i not in decoders
    ]  # fmt: skip
    work = instructions.operator_work(model, operator, target)
    output = model.output(operator) if operator.outputs else None
    weights = model.tensors[parameters[0]] if parameters else None
    return LayerAnalysis(
        index=operator.index,
        operator=operator.name,
        name=output.name if output else "",
        input_shapes=tuple(tensor.shape for tensor in activations),
        output_shape=output.shape if output else (),
        weight_bits=TYPE_BITS.get(weights.type) if weights else None,
        activation_bits=TYPE_BITS.get(output.type) if output else None,
        encoding=_encoding(model, weights.index, decoders) if weights else None,
        weight_bytes=sum(_stored_bytes(model, index, decoders) for index in parameters),
        arena_bytes=_live_bytes(arena, operator.index + 1),
        macs=work.macs,
        instructions=work.instructions,
        instructions_error=work.error,
        share=None,
    )


def _live_bytes(arena: Arena | None, step: int) -> int | None:
    if arena is None:
        return None
    return arena.tail + sum(b.size for b in arena.buffers if b.first <= step <= b.last)


def _decoder_inputs(index: int, decoder: Operator) -> tuple[int, int]:
    """Return the encoded and the ancillary tensor that one output is decoded from."""
    position = 2 * decoder.outputs.index(index)
    return decoder.inputs[position], decoder.inputs[position + 1]


def _stored_bytes(model: Model, index: int, decoders: dict[int, Operator]) -> int:
    if index in decoders and len(decoders[index].inputs) == 2 * len(decoders[index].outputs):
        sources = _decoder_inputs(index, decoders[index])
        return sum(len(model.tensors[i].data or b"") for i in sources if i >= 0)
    return len(model.tensors[index].data or b"")


def _encoding(model: Model, index: int, decoders: dict[int, Operator]) -> str:
    decoder = decoders.get(index)
    if decoder is None or len(decoder.inputs) != 2 * len(decoder.outputs):
        return model.tensors[index].type
    _, source = _decoder_inputs(index, decoder)
    ancillary = (model.tensors[source].data if source >= 0 else None) or b""
    if len(ancillary) < _DECODE_HEADER_BYTES:
        return "unknown"
    kind = _DECODE_TYPES.get(ancillary[0], "unknown")
    if kind != "lut":
        return kind
    # Byte 5 holds the index bits, byte 6 the distance of two tables; the runtime takes one table
    # for each scale of the decoded tensor, and a distance of 0 makes them all the same.
    bits, stride = ancillary[5] & 7, ancillary[6]
    if len(model.tensors[index].scales) <= 1:
        return f"lut{bits}"
    return f"lut{bits}/channel" if stride else f"lut{bits}/shared"
