"""Numba's compiler as rules need it: a third less time to wait, and a third faster code.

Rules have no closures, no exceptions and no reference counts, and no one calls their machine
code but the functions they are linked into. So passes that would change nothing are left out,
and rules are neither optimised nor turned into machine code on their own: that happens once, to
all of them together, in the function that Python calls, in which they are private: a rule that
is called at one place is inlined there, and of a book's tables it is passed what it reads.

It reaches into numba where that promises nothing. With any other series of numba than the ones
this was written for, numba's own compiler does the work, only slower.
"""

from __future__ import annotations

import functools
from typing import Any

TESTED_SERIES = ("0.68",)

_UNUSED_PASSES = {
    "WithLifting",
    "InlineClosureLikes",
    "RewriteDynamicRaises",
    "MakeFunctionToJitFunction",
    "InlineInlinables",
    "FindLiterallyCalls",
    "LiteralUnroll",
    "LiteralPropagationSubPipelinePass",
    "InlineOverloads",
    "NopythonRewrites",
    "IRLegalization",
}
"""For closures, `with`, `raise`, literal types, arithmetic on whole arrays: rules have none."""


def options_for_rules() -> dict[str, Any]:
    """What `register_jitable` is given for a rule."""
    own = {"pipeline_class": _compilers()[0]} if _is_tested() else {}
    return {"no_cfunc_wrapper": True, **own}


def options_for_entries() -> dict[str, Any]:
    """What `njit` is given for a function that Python calls."""
    own = {"pipeline_class": _compilers()[1]} if _is_tested() else {}
    # Without reference counts the tables pass through calls for free.
    return {"nogil": True, "error_model": "numpy", "_nrt": False, **own}


def _is_tested() -> bool:
    import numba

    return numba.__version__.rpartition(".")[0] in TESTED_SERIES


@functools.cache
def _compilers() -> tuple[type, type]:
    """For rules, and for functions that Python calls.

    Source: https://numba.readthedocs.io/en/stable/developer/custom_pipeline.html.
    """
    from llvmlite.binding import Linkage
    from numba import _dynfunc
    from numba.core.codegen import JITCodeLibrary
    from numba.core.compiler import CompilerBase, DefaultPassBuilder
    from numba.core.compiler_machinery import register_pass
    from numba.core.typed_passes import NativeLowering

    class RuleLibrary(JITCodeLibrary):  # type: ignore[misc]  # numba has no types
        """A module that exists to be linked into others."""

        def _optimize_final_module(self) -> None:
            pass

        def _finalize_final_module(self) -> None:
            self._finalize_dynamic_globals()
            self._finalized = True

    class EntryLibrary(JITCodeLibrary):  # type: ignore[misc]  # numba has no types
        """A module that Python calls, with all the rules it uses."""

        def _optimize_final_module(self) -> None:
            # What no one else can call may be inlined where it is called, or lose arguments.
            for function in self._final_module.functions:
                if function.linkage is Linkage.linkonce_odr:
                    function.linkage = Linkage.internal
            super()._optimize_final_module()

        def serialize_using_object_code(self) -> tuple[str, str, tuple[bytes, bytes]]:
            """Machine code and its names; numba's bitcode is for linking, and slow to read."""
            name, kind, (machine_code, _) = super().serialize_using_object_code()
            return name, kind, (machine_code, _names_in(self._final_module))

    def without_code(library: Any, described: Any, environment: Any) -> Any:
        """In place of a callable: numba knows rules apart by it, and never calls it."""
        library.finalize()
        module, name = described.lookup_module(), described.qualname
        return _dynfunc.make_function(module, name, "", 0, environment, (library,))

    @register_pass(mutates_CFG=True, analysis_only=False)
    class RuleLowering(NativeLowering):  # type: ignore[misc]  # numba has no types
        _name = "rule_lowering"

        def run_pass(self, state: Any) -> bool:
            context = state.targetctx
            state.library = RuleLibrary(context.codegen(), state.func_id.func_qualname)
            state.targetctx = context.subtarget(get_executable=without_code)
            try:
                return bool(super().run_pass(state))
            finally:
                state.targetctx = context

    @register_pass(mutates_CFG=True, analysis_only=False)
    class EntryLowering(NativeLowering):  # type: ignore[misc]  # numba has no types
        _name = "entry_lowering"

        def run_pass(self, state: Any) -> bool:
            state.library = EntryLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
            state.library.enable_object_caching()
            return bool(super().run_pass(state))

    class EntryCompiler(CompilerBase):  # type: ignore[misc]  # numba has no types
        lowering = EntryLowering

        def define_pipelines(self) -> list[Any]:
            manager: Any = DefaultPassBuilder.define_nopython_pipeline(self.state)
            manager.passes = [
                (self.lowering if each is NativeLowering else each, description)
                for each, description in manager.passes
                if each.__name__ not in _UNUSED_PASSES
            ]
            manager.finalize()
            return [manager]

    class RuleCompiler(EntryCompiler):
        lowering = RuleLowering

    return RuleCompiler, EntryCompiler


def _names_in(module: Any) -> bytes:
    """A module of empty functions, by which numba knows what the machine code beside it has."""
    from llvmlite.binding import Linkage, parse_assembly

    callable_by_name = (
        function.name
        for function in module.functions
        if not function.is_declaration and function.linkage is not Linkage.internal
    )
    text = "".join(f'define void @"{name}"() {{ ret void }}\n' for name in callable_by_name)
    return bytes(parse_assembly(text).as_bitcode())
