"""An ONNX graph that grows node by node, each with one output.

ONNX is "Open Neural Network Exchange": what each operator does stands in its specification, by its
name and the version of the set of operators, the opset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from catclf.backbone import INSTALL
from catclf.errors import CatclfError


def import_onnx(needed_by: str = "a network") -> Any:
    """Return onnx, which reads and writes such files; CatclfError where it cannot be loaded."""
    try:
        import onnx
    except ImportError as error:
        what = f"{needed_by} needs onnx, which cannot be loaded ({error})"
        raise CatclfError(what, fix=INSTALL) from error
    return onnx


class Graph:
    """Nodes, and the arrays that stand in the graph. What they give is known by its name.

    CatclfError where onnx cannot be loaded.
    """

    def __init__(self) -> None:
        self._onnx = import_onnx()
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []
        self._functions: list[Any] = []  # of networks that are joined in, and their opsets
        self._other_opsets: list[Any] = []

    def array(self, values: ArrayLike, name: str = "") -> str:
        """Add an array, and return its name."""
        name = name or f"c{len(self.arrays)}"
        self.arrays.append(self._onnx.numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, kind: str, *inputs: ArrayLike, output: str = "", **attributes: Any) -> str:
        """Add a node, and return its output's name.

        Its inputs are names of outputs and of arrays, or numbers and arrays themselves.
        """
        names = [each if isinstance(each, str) else self.array(each) for each in inputs]
        output = output or f"x{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(kind, names, [output], **attributes))
        return output

    def cast(self, values: str, dtype: type[np.generic], output: str = "") -> str:
        """Add a conversion to a type, and return its output's name."""
        return self.node("Cast", values, output=output, to=self.type_of(dtype))

    def to_bytes(self, values: str, value_at_255: float) -> str:
        """Add the rounding of values, 0 or more, to whole numbers up to 255; return its output."""
        levels = self.node("Add", self.node("Mul", values, 255 / value_at_255), 0.5)
        return self.node("Floor", self.node("Min", levels, 255.0))

    def join(self, network: Any, image: str, output: str) -> str:
        """Add the nodes of a network, an ONNX model of one input; return an output's name."""
        network = self._onnx.compose.add_prefix(network, "network/")
        stored = {each.name for each in network.graph.initializer}
        [given] = [each.name for each in network.graph.input if each.name not in stored]
        self.node("Identity", image, output=given)
        self.nodes.extend(network.graph.node)
        self.arrays.extend(network.graph.initializer)
        self._functions.extend(network.functions)
        self._other_opsets.extend(each for each in network.opset_import if each.domain)
        return f"network/{output}"

    def model(
        self,
        name: str,
        inputs: Mapping[str, tuple[type[np.generic], Sequence[int | str]]],
        outputs: Mapping[str, tuple[type[np.generic], Sequence[int | str]]],
        opset: int,
        ir_version: int,
        metadata: Mapping[str, str],
        producer: tuple[str, str] | None = None,
        description: str = "",
    ) -> Any:
        """Return the ONNX model of the inputs and outputs named, each of a type and a shape.

        The producer is a program and its version.
        """
        helper = self._onnx.helper
        of_graph = [
            [
                helper.make_tensor_value_info(each, self.type_of(dtype), shape)
                for each, (dtype, shape) in values.items()
            ]
            for values in (inputs, outputs)
        ]
        graph = helper.make_graph(self.nodes, name, *of_graph, self.arrays)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", opset), *self._other_opsets],
            functions=self._functions,
            ir_version=ir_version,
        )
        helper.set_model_props(model, dict(metadata))
        if producer is not None:
            model.producer_name, model.producer_version = producer
        if description:
            model.doc_string = description
        return model

    def type_of(self, dtype: type[np.generic]) -> int:
        """Return ONNX's number of a type."""
        number: int = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return number
