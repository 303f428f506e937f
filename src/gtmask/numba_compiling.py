"""How kernels are compiled in less time: by leaving out work of Numba's that no kernel needs.

Numba makes machine code of every function, also of those that only kernels call, though just what calls them
is ever run; it looks for closures and the like in every function; and it finds the type of each ``+`` anew.
What of its insides this needs is named, with reasons, in :mod:`gtmask.numba_internals`; where a name is
missing, nothing here is used.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from gtmask.numba_internals import CALL, FLAGS, LIBRARY, PASSES, attribute, libraries, numba

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Passes that look for what no kernel has, such as closures, ``with`` and expressions of whole arrays.
_NEEDLESS = {
    *("with_lifting", "inline_closure_likes", "rewrite_semantic_constants", "dead_branch_prune"),
    *("Rewrite dynamic raises", "make_function_op_code_to_jit_function", "inline_inlinables"),
    *("find_literally", "literal_unroll", "LiteralPropagation", "inline_overloads", "nopython_rewrites"),
    *("nopython_supported_feature_validation", "dump_parfor_diagnostics"),
}
#: Kernels of which machine code is made though only kernels call them; see :func:`gtmask.jit.kernel`.
HOT: set[str] = set()


@cache
def compiler() -> Any:
    """Return Numba's compiler without the passes that no kernel needs."""

    def define_pipelines(compiler: Any) -> list[Any]:
        passes = attribute(PASSES)(compiler.state)
        passes.passes = [each for each in passes.passes if each[0].name() not in _NEEDLESS]
        passes.finalize()
        return [passes]

    return type("KernelCompiler", (attribute("numba.core.compiler.CompilerBase"),), vars())


@contextmanager
def quickly() -> Iterator[None]:
    """Have Numba make machine code only when it is asked for, and remember the types of calls.

    The compiler's lock is held: whatever else this process compiles with Numba waits, and sees none of it.
    """
    codegen = attribute("numba.core.registry.cpu_target").target_context.codegen()
    functions, _, name = CALL.rpartition(".")
    with attribute("numba.core.compiler_lock.global_compiler_lock"):
        before = attribute(CALL)
        setattr(attribute(functions), name, _types_of_calls())
        try:
            with libraries(codegen, _library()):
                yield
        finally:
            setattr(attribute(functions), name, before)


@cache
def _types_of_calls() -> Callable[..., Any]:
    """Return what finds the type of a call, and remembers it with the options it was found for."""
    find, flags = attribute(CALL), attribute(FLAGS)
    known: dict[Any, Any] = {}

    def get_call_type(function: Any, context: Any, args: Any, kws: Any) -> Any:
        key = function, args, *kws.items(), flags()
        if key not in known:
            known[key] = find(function, context, args, kws)
        return known[key]

    return get_call_type


@cache
def _library() -> Any:
    """Return Numba's class for the code of a function, except that it makes machine code when asked for it.

    Nobody asks for that of a kernel that only kernels call: its code becomes part of theirs.
    """
    numbas = attribute(LIBRARY)

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
