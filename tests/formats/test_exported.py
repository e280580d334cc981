"""Exported spotters: what they hold, and which are refused before anything of them runs."""

import json

import numpy as np
import pytest

from comedian.errors import InputError
from comedian.formats.checkpoint import read_header
from comedian.formats.exported import header_of, read_exported
from comedian.formats.exported_graph import check_graph
from tests.onnx_files import changed

onnx = pytest.importorskip("onnx")
HUGE = 1 << 40


def test_the_header_is_the_weights_own(tiny, tiny_onnx):
    ours, theirs = header_of(tiny_onnx), read_header(tiny.spotter)
    assert (ours.classes, ours.model, ours.geometry, ours.recipe) == (
        theirs.classes,
        theirs.model,
        theirs.geometry,
        theirs.recipe,
    )
    (parent,) = json.loads(ours.provenance)["parents"]
    assert parent["name"] == tiny.spotter.name


def test_it_is_onnx_as_others_read_it(tiny_onnx):
    """One graph, a free batch, and no traces of the machine that made it."""
    model = onnx.load(tiny_onnx)
    onnx.checker.check_model(model, full_check=True)
    shapes = {
        info.name: [dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim]
        for info in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {
        "tubelets": ["tubelets", 3, 2, 32, 32],
        "tokens": ["tubelets", 12],
        "window": ["windows", "length", 12],
        "classes": ["windows", "length", 3],
    }
    assert b".py" not in model.graph.SerializeToString()
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def weights_of(model):
    return max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))


def elsewhere(model):
    onnx.external_data_helper.set_external_data(weights_of(model), "../../etc/passwd")


def elsewhere_in_a_constant(model):
    value = onnx.TensorProto(name="far", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    model.graph.node.insert(0, onnx.helper.make_node("Constant", [], ["far"], value=value))


def a_loop(model):
    body = onnx.helper.make_graph([], "body", [], [])
    model.graph.node.insert(0, onnx.helper.make_node("Loop", [], ["again"], body=body))


def a_function(model):
    opset = [onnx.helper.make_opsetid("", 20)]
    model.functions.append(onnx.helper.make_function("x", "f", [], [], [], opset))


def an_operator_of_others(model):
    model.graph.node.append(onnx.helper.make_node("Run", ["tokens"], ["shell"], domain="evil"))


def a_huge_weight(model):
    weights_of(model).dims[:] = [HUGE, HUGE]


def a_huge_tensor(model):
    shape = onnx.numpy_helper.from_array(np.array([HUGE, 12]), "huge_shape")
    model.graph.initializer.append(shape)
    model.graph.node.insert(0, onnx.helper.make_node("ConstantOfShape", ["huge_shape"], ["huge"]))


def another_shape(model):
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 64


def another_input(model):
    model.graph.input.append(onnx.helper.make_tensor_value_info("more", 1, [1]))


def no_such_operator(model):
    model.graph.node[0].op_type = "NoSuch"


def a_version_to_come(model):
    onnx.helper.set_model_props(model, _props(model) | {"version": "99"})


def another_kind(model):
    onnx.helper.set_model_props(model, _props(model) | {"kind": '"spatial"'})


def odd_precision(model):
    onnx.helper.set_model_props(model, _props(model) | {"export": '{"precision": "int1"}'})


def export_that_is_no_table(model):
    onnx.helper.set_model_props(model, _props(model) | {"export": "[" * 5000})


def _props(model):
    return {entry.key: entry.value for entry in model.metadata_props}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (elsewhere, "lies in another file, which is not read"),
        (elsewhere_in_a_constant, "lies in another file, which is not read"),
        (a_loop, "its Loop holds a graph of its own"),
        (a_function, "its graph holds functions"),
        (an_operator_of_others, "its graph needs evil.Run, which is not ONNX's"),
        (a_huge_weight, "is of impossible size"),
        (a_huge_tensor, "its huge is of impossible size"),
        (another_shape, "its tubelets has not the shape that its header tells"),
        (another_input, "its inputs are not tubelets and window"),
        (no_such_operator, "its graph cannot be: "),
        (a_version_to_come, "was written by a newer version; update comedian"),
        (another_kind, "holds a spatial network, no spotter"),
        (odd_precision, "precision must be one of 'float32', 'int8', not 'int1'"),
        (export_that_is_no_table, "its header is damaged: "),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_hostile_files_are_refused_in_one_line(change, said, tiny_onnx, tmp_path):
    path = changed(tiny_onnx, tmp_path / "model.onnx", change)
    with pytest.raises(InputError) as refused:
        read_exported(path)
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"{path}: ")
    assert "; " in str(refused.value)
    assert len(str(refused.value)) < 300 + len(str(path))


def test_files_that_are_none(tiny, tiny_onnx, tmp_path):
    data = tiny_onnx.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    path = tmp_path / "model.onnx"
    foreign = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [])).SerializeToString()
    for content, said in (
        (b"", "is not an ONNX file"),
        (b"not at all", "is not an ONNX file"),
        (tiny.spotter.read_bytes(), "is not an ONNX file"),
        (data[: len(data) // 2], "is damaged"),
        (data[:-1], "is damaged"),
        (bytes(flipped), "is damaged, or was changed since it was exported"),
        (foreign, "is an ONNX model, but not of a spotter of ours"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=said):
            read_exported(path)
    with path.open("wb") as file:
        file.write(b"\x08")
        file.truncate(1 << 40)  # holes: it takes no room, and is not read
    with pytest.raises(InputError, match="is not an ONNX file"):
        read_exported(path)
    path.unlink()
    with pytest.raises(InputError, match="no such weights file; check the path"):
        read_exported(tmp_path / "none.onnx")


@pytest.mark.parametrize("name", [b"tubelets", b"tokens", b"LayerNormalization", b"Gemm", b"MatMul"])
def test_names_that_are_no_text_are_told(tiny_onnx, name):
    model = onnx.load(tiny_onnx)
    bent = model.SerializeToString().replace(name, b"\xb9" + name[1:])
    if bent == model.SerializeToString():
        pytest.skip("its graph has no such name")
    with pytest.raises(InputError, match="names that are no text; make it again"):
        check_graph(onnx.ModelProto.FromString(bent), header_of(tiny_onnx), tiny_onnx, "make it again")
