"""Constants back into the flatbuffer.

ai-edge-quantizer writes models with 256 KiB of constants and more with their bytes behind the
flatbuffer, found by offset. TFLM reads constants from within it only.
"""

from typing import Any


def inline_constants(model: bytes) -> bytes:
    """Return a .tflite with every constant inside its flatbuffer; the same bytes if it is so."""
    from ai_edge_litert import schema_py_generated as schema

    root = schema.Model.GetRootAs(model, 0)
    outside = [i for i in range(root.BuffersLength()) if root.Buffers(i).Offset() > 1]
    if not outside:
        return model
    import numpy as np
    from ai_edge_litert.tools import flatbuffer_utils

    content: Any = schema.ModelT.InitFromObj(root)
    for index in outside:
        buffer = content.buffers[index]
        buffer.data = np.frombuffer(model, np.uint8, int(buffer.size), int(buffer.offset))
        buffer.offset = buffer.size = 0
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content))
