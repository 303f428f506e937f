"""How a kernel becomes LLVM code of half as many instructions: what LLVM would find needless is not written.

Numba writes each element of an array by way of a copy of all that it knows of the array, counts each loop as
if its step could be anything, and empties each variable behind its last use. LLVM removes all of that, and
the machine code is the same; but each instruction is made, written as text, read and looked at many times.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

from gtmask.numba_internals import attribute, numba

_Base: Any = object
types = numba.types


@cache
def lowering() -> Any:
    """Return Numba's class that writes LLVM code, except for elements, loops and variables."""
    return type("Lower", (_Lowering, attribute("numba.core.lowering.Lower")), {})


class _Lowering(_Base):  # type: ignore[misc]
    """What stands before Numba's class in the order in which methods are looked for."""

    def init(self) -> None:
        super().init()
        self._ones: dict[int, Any] = {}

    def lower(self) -> None:
        if not self.context.enable_nrt and _has_references(self.context, self.fndesc.restype):
            raise TypeError(
                f"The kernel {self.fndesc.qualname} returns an array: declare it with arrays=True."
            )
        super().lower()

    def _refers(self, kind: Any) -> bool:
        """Tell whether references are counted in a value."""
        return bool(self.context.enable_nrt) and _has_references(self.context, kind)

    def incref(self, typ: Any, val: Any) -> None:
        if self._refers(typ):
            super().incref(typ, val)

    def decref(self, typ: Any, val: Any) -> None:
        if self._refers(typ):
            super().decref(typ, val)

    def delvar(self, name: str) -> None:
        if self._refers(self.typeof(name)):
            super().delvar(name)

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        kind = self.typeof(name)
        if argidx is None and name not in self._singly_assigned_vars and not self._refers(kind):
            self._alloca_var(name, kind)
            self.builder.store(value, self.getvar(name))
        else:
            super().storevar(value, name, argidx)

    def lower_getitem(self, resty: Any, expr: Any, value: Any, index: Any, signature: Any) -> Any:
        array = self.typeof(value.name)
        if not self._is_element(array, signature.args[1]) or resty != array.dtype:
            return super().lower_getitem(resty, expr, value, index, signature)
        place = self._element(value.name, index.name, signature.args[1])
        align = None if array.aligned else 1
        return self.context.unpack_value(self.builder, array.dtype, place, align)

    def lower_setitem(self, target_var: Any, index_var: Any, value_var: Any, signature: Any) -> Any:
        array = self.typeof(target_var.name)
        if not self._is_element(array, signature.args[1]):
            return super().lower_setitem(target_var, index_var, value_var, signature)
        value = self.loadvar(value_var.name)
        kinds = self.typeof(value_var.name), signature.args[2], array.dtype
        for given, wanted in pairwise(kinds):
            value = self.context.cast(self.builder, value, given, wanted)
        place = self._element(target_var.name, index_var.name, signature.args[1])
        align = None if array.aligned else 1
        return self.context.pack_value(self.builder, array.dtype, value, place, align)

    def _is_element(self, array: Any, index: Any) -> bool:
        """Tell whether an index is that of one number in an array whose rows stand behind each other."""
        kinds = index.types if isinstance(index, types.BaseTuple) else (index,)
        return (
            not self.context.enable_boundscheck
            and isinstance(array, types.Array)
            and array.layout == "C"
            and isinstance(array.dtype, types.Number | types.Boolean)
            and len(kinds) == array.ndim
            and all(isinstance(kind, types.Integer) for kind in kinds)
        )

    def _element(self, array: str, index: str, kind: Any) -> Any:
        """Return the address of an element, counted from the end where an index is negative."""
        context, builder = self.context, self.builder
        model = context.data_model_manager[self.typeof(array)]
        held = self.loadvar(array)
        shape, data = model.get(builder, held, "shape"), model.get(builder, held, "data")
        given = context.cast(builder, self.loadvar(index), self.typeof(index), kind)
        several = isinstance(kind, types.BaseTuple)
        place = None
        for axis, of in enumerate(kind.types if several else [kind]):
            size = builder.extract_value(shape, axis)
            each = builder.extract_value(given, axis) if several else given
            each = context.cast(builder, each, of, types.intp if of.signed else types.uintp)
            if of.signed:
                below = builder.icmp_signed("<", each, each.type(0))
                each = builder.select(below, builder.add(each, size), each)
            place = builder.add(builder.mul(place, size), each) if axis else each
        return builder.gep(data, [place])

    def lower_call(self, resty: Any, expr: Any) -> Any:
        called = isinstance(self.typeof(expr.func.name), types.Dispatcher)
        if called and not self.context.enable_nrt and _has_references(self.context, resty):
            raise TypeError(f"The kernel {self.fndesc.qualname} gets an array: declare it with arrays=True.")
        made = super().lower_call(resty, expr)
        if isinstance(resty, types.RangeType) and len(expr.args) < 3:
            self._ones[id(made)] = made
        return made

    def lower_expr(self, resty: Any, expr: Any) -> Any:
        if expr.op == "getiter":
            counted = self.loadvar(expr.value.name)
            if id(counted) in self._ones:
                return self._count_by_one(resty, self.typeof(expr.value.name), counted)
        return super().lower_expr(resty, expr)

    def _count_by_one(self, kind: Any, of: Any, counted: Any) -> Any:
        """Return what counts through a range whose step is 1: Numba would divide by the step."""
        builder = self.builder
        model = self.context.data_model_manager[of]
        start, stop, step = (model.get(builder, counted, name) for name in ("start", "stop", "step"))
        span = builder.sub(stop, start)
        none = span.type(0)
        count = builder.select(builder.icmp_signed(">", span, none), span, none)
        helper = self.context.make_helper(builder, kind)
        for name, value in (("iter", start), ("count", count)):
            place = attribute("numba.core.cgutils.alloca_once")(builder, value.type)
            builder.store(value, place)
            setattr(helper, name, place)
        helper.stop, helper.step = stop, step
        return helper._getvalue()


_references: dict[Any, bool] = {}


def _has_references(context: Any, kind: Any) -> bool:
    """Tell whether references are counted in values of a type."""
    if kind not in _references:
        _references[kind] = context.data_model_manager[kind].contains_nrt_meminfo()
    return _references[kind]
