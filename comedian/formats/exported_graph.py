"""The graph of an exported spotter: two parts put into one, taken apart, looked at before it runs.

A file may come from anybody. What runs it is native code, so that a graph is refused beforehand that takes
data from other files, holds loops or functions, or has tensors much larger than spotters have.

Letters: N tubelets, B windows, L tokens of a window, D width, C classes, h × w pixels.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from comedian.errors import InputError, cut_short
from comedian.formats.checkpoint import Header
from comedian.recipes.model import TUBELET_FRAMES, ModelRecipe
from comedian.version import VERSION

TUBELETS, TOKENS, WINDOW, CLASSES = "tubelets", "tokens", "window", "classes"
PARTS = ("spatial/", "temporal/")  # how the names of what is within a part begin
IR_VERSION = 10  # of ONNX 1.16, which has opset 20
DOMAINS = ("", "ai.onnx")  # of ONNX's own operators
NESTED = ("g", "graphs", "tp", "type_protos", "sparse_tensor", "sparse_tensors")  # attributes refused
MOST_NUMBERS = 1 << 28  # of one tensor for one tubelet or window: ViT-G's largest has 1 << 24


def joined(parts: Sequence[Any], model: ModelRecipe) -> Any:
    """One ModelProto of the spatial and the temporal one, without the traces that exporters leave."""
    import onnx
    from onnx.compose import add_prefix

    fixed = {"rename_inputs": False, "rename_outputs": False}
    both = [add_prefix(part, prefix, **fixed) for part, prefix in zip(parts, PARTS, strict=True)]
    graphs = [part.graph for part in both]
    outputs = [entry for graph in graphs for entry in graph.output]
    graph = onnx.helper.make_graph(
        [_bare(node) for part in graphs for node in part.node],
        "spotter",
        [_info(TUBELETS, model), _info(WINDOW, model)],
        [_info(entry.name, model, _width(entry)) for entry in outputs],
        [_bare(tensor) for part in graphs for tensor in part.initializer],
    )
    opsets = {opset.domain: opset for part in both for opset in part.opset_import}
    made = onnx.helper.make_model(graph, opset_imports=list(opsets.values()), ir_version=IR_VERSION)
    made.producer_name, made.producer_version = "comedian", VERSION
    return made


def part_of(model: Any, entry: str, outputs: Sequence[str]) -> Any:
    """The ModelProto of what makes some outputs of one input."""
    import onnx

    graph = model.graph
    makers = {name: number for number, node in enumerate(graph.node) for name in node.output}
    needed, waiting = set(outputs), list(outputs)
    numbers: set[int] = set()
    while waiting:
        number = makers.get(waiting.pop(), -1)
        if number >= 0 and number not in numbers:
            numbers.add(number)
            waiting += [name for name in graph.node[number].input if name not in needed]
            needed.update(graph.node[number].input)
    part = onnx.helper.make_graph(
        [graph.node[number] for number in sorted(numbers)],
        graph.name,
        [info for info in graph.input if info.name == entry],
        [info for info in graph.output if info.name in outputs],
        [tensor for tensor in graph.initializer if tensor.name in needed],
    )
    return onnx.helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)


def check_graph(model: Any, header: Header, path: str | Path, remedy: str) -> None:
    """Raise InputError unless a graph is one of ONNX's own operators that does what its header says."""
    if not all(isinstance(name, str) for name in _names(model.graph)):  # protobuf gives bytes for others
        raise InputError("its graph holds names that are no text", path, remedy)
    for what in (*_foreign(model), *_unlike(model.graph, header), *_too_large(model)):
        raise InputError(what, path, remedy)


def _names(graph: Any) -> Iterator[Any]:
    """All names in a graph."""
    for entry in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        yield entry.name
    for node in graph.node:
        yield from (node.name, node.domain, node.op_type, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)


def _foreign(model: Any) -> Iterator[str]:
    """What no graph of ours has."""
    if model.functions or model.training_info or model.graph.sparse_initializer:
        yield "its graph holds functions, training or sparse tensors"
    for node in model.graph.node:
        if node.domain not in DOMAINS:
            yield f"its graph needs {cut_short(f'{node.domain}.{node.op_type}')}, which is not ONNX's"
        for attribute in node.attribute:
            if any(_holds(attribute, field) for field in NESTED):
                yield f"its {cut_short(node.op_type)} holds a graph of its own"
    for tensor in _tensors(model.graph):
        if tensor.data_location or tensor.external_data:
            yield f"its {cut_short(tensor.name)} lies in another file, which is not read"


def _holds(message: Any, field: str) -> bool:
    value = getattr(message, field)
    return len(value) > 0 if hasattr(value, "__len__") else message.HasField(field)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)


def _unlike(graph: Any, header: Header) -> Iterator[str]:
    """Where inputs and outputs are not those of a spotter with this header."""
    number, known = len(header.classes), {TOKENS: header.model.embed_dim}
    if sorted(info.name for info in graph.input) != sorted((TUBELETS, WINDOW)):
        yield f"its inputs are not {TUBELETS} and {WINDOW}"
    if not {TOKENS, CLASSES} <= {info.name for info in graph.output}:
        yield f"its outputs are not {TOKENS}, {CLASSES} and others"
    for info in (*graph.input, *graph.output):
        wanted = _info(info.name, header.model, known.get(info.name, number))
        if info.type.SerializeToString() != wanted.type.SerializeToString():
            yield f"its {cut_short(info.name)} has not the shape that its header tells"


def _too_large(model: Any) -> Iterator[str]:
    """Tensors that are larger than any of a spotter, for one tubelet and one window."""
    import onnx

    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) > MOST_NUMBERS or min(tensor.dims, default=0) < 0:
            yield f"its {cut_short(tensor.name)} is of impossible size"
            return
    try:
        onnx.checker.check_model(model)
        known = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:  # of each operator's own kind
        yield f"its graph cannot be: {cut_short(' '.join(str(error).split()))}"
        return
    for info in known.graph.value_info:
        dims = [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
        if math.prod(dims) > MOST_NUMBERS or min(dims, default=1) < 0:
            yield f"its {cut_short(info.name)} is of impossible size"


def _info(name: str, model: ModelRecipe, width: int = 0) -> Any:
    """The type and shape of an input or output, a batch of any size first."""
    import onnx

    shapes: dict[str, Sequence[int | str]] = {
        TUBELETS: ("tubelets", 3, TUBELET_FRAMES, *model.image_size),  # (N, 3, 2, h, w)
        TOKENS: ("tubelets", width),  # (N, D)
        WINDOW: ("windows", "length", model.embed_dim),  # (B, L, D)
    }
    shape = shapes.get(name, ("windows", "length", width))  # (B, L, C)
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


def _width(info: Any) -> int:
    return info.type.tensor_type.shape.dim[-1].dim_value


def _bare(message: Any) -> Any:
    """A node or tensor without what an exporter noted about its origin, paths of its machine among it."""
    message.ClearField("doc_string")
    message.ClearField("metadata_props")
    return message
