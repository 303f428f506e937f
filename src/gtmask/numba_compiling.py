"""How kernels are compiled in less time: by leaving out work of Numba's that no kernel needs.

Numba makes machine code of every function, also of those that only kernels call, though just what calls them
is ever run; it looks for closures and the like in every function; it finds the type of each ``+`` anew; and
it tells of each step whoever listens. How a kernel's code is written in fewer instructions is told in
:mod:`gtmask.numba_lowering`.
What of its insides this needs is named, with reasons, in :mod:`gtmask.numba_names`; where a name is
missing, nothing here is used.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask import numba_names as names
from gtmask.numba_internals import attribute, libraries, numba

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Passes that look for what no kernel has, such as closures, ``with`` and expressions of whole arrays.
_NEEDLESS = {
    *("with_lifting", "inline_closure_likes", "rewrite_semantic_constants", "dead_branch_prune"),
    *("Rewrite dynamic raises", "make_function_op_code_to_jit_function", "inline_inlinables"),
    *("find_literally", "literal_unroll", "LiteralPropagation", "inline_overloads", "nopython_rewrites"),
    *("nopython_supported_feature_validation", "dump_parfor_diagnostics"),
}
_NO_CONTEXT = nullcontext()
#: Kernels of which machine code is made though only kernels call them; see :func:`gtmask.jit.kernel`.
HOT: set[str] = set()


class InnerKernel:
    """A kernel that only kernels call: Numba hears of it when one is compiled, as few processes do."""

    def __init__(self, function: Callable[..., Any], make: Callable[[], Any]) -> None:
        self.py_func, self._make = function, make

    @cached_property
    def _dispatcher(self) -> Any:
        return self._make()

    @property
    def _numba_type_(self) -> Any:
        return self._dispatcher._numba_type_


@cache
def compiler() -> Any:
    """Return Numba's compiler without the passes that no kernel needs."""

    def define_pipelines(compiler: Any) -> list[Any]:
        passes = attribute(names.PASSES)(compiler.state)
        passes.passes = [each for each in passes.passes if each[0].name() not in _NEEDLESS]
        passes.finalize()
        return [passes]

    return type("KernelCompiler", (attribute("numba.core.compiler.CompilerBase"),), vars())


@contextmanager
def quickly() -> Iterator[None]:
    """Have Numba make machine code only when it is asked for, and leave out what no kernel needs.

    The compiler's lock is held: whatever else this process compiles with Numba waits, and sees none of it.
    """
    codegen = attribute("numba.core.registry.cpu_target").target_context.codegen()
    with attribute("numba.core.compiler_lock.global_compiler_lock"), ExitStack() as replaced:
        replaced.enter_context(libraries(codegen, _library()))
        for name, ours in _replacements().items():
            replaced.enter_context(_replaced(name, ours))
        yield


@contextmanager
def _replaced(name: str, ours: Any) -> Iterator[None]:
    """Let a name of Numba's stand for something of ours."""
    owner, _, last = name.rpartition(".")
    before = getattr(attribute(owner), last)
    setattr(attribute(owner), last, ours)
    try:
        yield
    finally:
        setattr(attribute(owner), last, before)


@cache
def _replacements() -> dict[str, Any]:
    """Return what stands for names of Numba's while it compiles kernels."""
    from gtmask.numba_lowering import lowering  # noqa: PLC0415 - not for those who only load kernels

    return {
        names.TAKES_LOC: cache(attribute(names.TAKES_LOC)),
        names.CALL: _types_of_calls(),
        names.LIFETIMES: _lifetimes(),
        names.VARIABLES: _variables(),
        names.SIZES: _sizes(),
        names.REFRESH: _refresh(),
        **dict.fromkeys(names.ERROR_CONTEXTS, _no_context),
        names.LOWERING: property(lambda _: lowering()),
        **dict.fromkeys((names.C_WRAPPER, names.EVENT_START, names.EVENT_END), _nothing),
    }


def _nothing(*_: Any, **__: Any) -> None:
    """Do nothing: nothing calls a kernel from C, and nobody listens to what Numba tells."""


def _no_context(*_: Any, **__: Any) -> nullcontext[None]:
    """Add nothing to what an error says: a kernel that cannot be compiled is met by who writes it."""
    return _NO_CONTEXT


def _variables() -> Callable[[Any, Any], list[Any]]:
    """Return what lists the variables in parts of an instruction, by one look at each part's class."""
    variable, instruction = attribute("numba.core.ir.Var"), attribute("numba.core.ir.Inst")
    instructions: dict[type, bool] = {}

    def list_variables(_: Any, part: Any) -> list[Any]:
        found: list[Any] = []
        waiting = [part]
        while waiting:
            each = waiting.pop()
            kind = type(each)
            if kind is variable:
                found.append(each)
            elif kind is dict:
                waiting += reversed(each.values())
            elif kind is list or kind is tuple:
                waiting += reversed(each)
            else:
                if kind not in instructions:
                    instructions[kind] = issubclass(kind, instruction)
                if instructions[kind]:
                    found += each.list_vars()
        return found

    return list_variables


def _sizes() -> Callable[[Any, Any], int]:
    """Return what tells how large a type is, and remembers it: LLVM is given a text to read for each."""
    find = attribute(names.SIZES)
    known: dict[Any, int] = {}

    def get_abi_sizeof(context: Any, kind: Any) -> int:
        if kind not in known:
            known[kind] = find(context, kind)
        return known[kind]

    return get_abi_sizeof


def _refresh() -> Callable[[Any], None]:
    """Return what looks for functions that Numba is to know: where modules were imported or one was added."""
    full = attribute(names.REFRESH)
    seen: dict[int, tuple[int, int]] = {}

    def known(context: Any) -> tuple[int, int]:
        return len(sys.modules), sum(len(registry.functions) for registry in context._registries)

    def refresh(context: Any) -> None:
        of = id(context._registries)
        if seen.get(of) != known(context):
            full(context)
            seen[of] = known(context)

    return refresh


def _types_of_calls() -> Callable[..., Any]:
    """Return what finds the type of a call, and remembers it with the options it was found for."""
    find, flags = attribute(names.CALL), attribute(names.FLAGS)
    known: dict[Any, Any] = {}
    # Options take long to compare, and each function that is compiled has its own, which stay as they are.
    alike: dict[Any, Any] = {}
    options: dict[int, tuple[Any, Any]] = {}

    def get_call_type(function: Any, context: Any, args: Any, kws: Any) -> Any:
        of = flags()
        if id(of) not in options:
            options[id(of)] = of, alike.setdefault(of, len(alike))
        key = function, args, *kws.items(), options[id(of)][1]
        if key not in known:
            known[key] = find(function, context, args, kws)
        return known[key]

    return get_call_type


def _lifetimes() -> Callable[..., None]:
    """Return what looks where variables are used last: only when it is to be written into the function.

    Numba does so after each pass that changes a function.
    """
    full, lifetime = attribute(names.LIFETIMES), attribute("numba.core.postproc.VariableLifetime")
    ordered = attribute("numba.core.transforms.canonicalize_cfg")

    def run(processor: Any, emit_dels: bool = False, extend_lifetimes: bool = False) -> None:
        function = processor.func_ir
        if emit_dels or function.is_generator:
            full(processor, emit_dels, extend_lifetimes)
        else:
            function.blocks = ordered(function.blocks)
            function.variable_lifetime = lifetime(function.blocks)

    return run


@cache
def _library() -> Any:
    """Return Numba's class for the code of a function, except that it makes machine code when asked for it.

    Nobody asks for that of a kernel that only kernels call: its code becomes part of theirs.
    """
    numbas = attribute(names.LIBRARY)

    class Library(numbas):  # type: ignore[misc, valid-type]
        waits = False

        def finalize(self) -> None:
            self.waits = True
            numbas.finalize(self)
            if self.name in HOT:
                self._make()

        def _finalize_final_module(self) -> None:
            self._finalized = True
            if not self.waits:  # it comes from the cache
                numbas._finalize_final_module(self)

        def _make(self) -> None:
            self._ensure_finalized()
            if self.waits:
                self.waits = False
                numbas._finalize_final_module(self)

        def get_pointer_to_function(self, name: str) -> Any:
            self._ensure_finalized()
            if any(function.name == name for function in self.get_defined_functions()):
                self._make()
            return numbas.get_pointer_to_function(self, name)

        def serialize_using_object_code(self) -> Any:
            self._make()
            return numbas.serialize_using_object_code(self)

        @property
        def codegen(self) -> Any:
            return self if self.waits else self._codegen

        def set_env(self, *_: Any) -> None:
            """Set nothing: what has no machine code has no environment."""

    return Library


def want_no_extensions(dispatcher: Any) -> None:
    """Keep a kernel that is called from looking for extensions of Numba: that takes longer than a mask."""
    dispatcher._compilation_chain_init_hook = _nothing


def know_arrays(dispatcher: Any) -> None:
    """Let a kernel know the types of plain arrays: Numba would import all of ``numpy.ma`` to tell them."""
    others = dispatcher.typeof_pyval

    def typeof_pyval(value: Any) -> Any:
        if type(value) is not np.ndarray:
            return others(value)
        flags = value.flags
        layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
        try:
            return _array_type(value.dtype, value.ndim, layout, not flags.writeable)
        except NotImplementedError:  # no kernel takes such numbers
            return others(value)

    dispatcher.typeof_pyval = typeof_pyval


@cache
def _array_type(dtype: np.dtype[Any], axes: int, layout: str, readonly: bool) -> Any:
    return numba.types.Array(numba.from_dtype(dtype), axes, layout, readonly=readonly)


def widen(dispatcher: Any, types: Callable[[], Sequence[Any]]) -> None:
    """Let calls from kernels that fit these types but for narrower integers use these types.

    Else Numba compiles the kernel once for every combination of int32, int64 and literal integers.
    """
    template = dispatcher.get_call_template
    declared: list[Any] = []

    def get_call_template(args: Sequence[Any], kws: Any) -> Any:
        if not declared:
            declared.extend(types())
        fits = not kws and len(args) == len(declared) and all(map(_is_widened, args, declared))
        return template(tuple(declared) if fits else args, kws)

    dispatcher.get_call_template = get_call_template


def _is_widened(given: Any, declared: Any) -> bool:
    """Tell whether a value of one Numba type becomes the declared type without any change of its meaning."""
    plain = getattr(given, "literal_type", given)
    if plain == declared or not isinstance(declared, numba.types.Integer):
        return bool(plain == declared)
    if isinstance(plain, numba.types.Boolean):
        return True
    narrower = getattr(plain, "bitwidth", 64) < getattr(declared, "bitwidth", 0)
    return isinstance(plain, numba.types.Integer) and narrower and str(declared).startswith("int")
