"""The names of Numba's insides that gtmask uses, each with its reason; see :mod:`gtmask.numba_internals`."""

from __future__ import annotations

#: The first and, not included, the last Numba that the tests run with, as in pyproject.toml.
TESTED = ((0, 61), (0, 69))

CACHE = "numba.core.caching.FunctionCache"
FILES = "numba.core.caching.IndexDataCacheFile"
_OPTIONS = "numba.core.cpu.CPUTargetOptions"
RUNTIME = "numba.core.runtime.nrtdynmod"
LIBRARY = "numba.core.codegen.JITCodeLibrary"
_CODEGEN = "numba.core.codegen.JITCPUCodegen"
CALL = "numba.core.types.functions.BaseFunction.get_call_type"
FLAGS = "numba.core.targetconfig.ConfigStack.top_or_none"
PASSES = "numba.core.compiler.DefaultPassBuilder.define_nopython_pipeline"
LIFETIMES = "numba.core.postproc.PostProcessor.run"
VARIABLES = "numba.core.ir.Inst._rec_list_vars"
SIZES = "numba.core.base.BaseContext.get_abi_sizeof"
REFRESH = "numba.core.base.BaseContext.refresh"
ERROR_CONTEXTS = ("numba.core.lowering.new_error_context", "numba.core.typeinfer.new_error_context")
LOWERING = "numba.core.typed_passes.NativeLowering.lowering_class"
C_WRAPPER = "numba.core.lowering.BaseLower.create_cfunc_wrapper"
TAKES_LOC = "numba.core.base._has_loc"
EVENT_START, EVENT_END = "numba.core.event.start_event", "numba.core.event.end_event"
_LOWER = "numba.core.lowering.Lower"

#: Attributes of classes and modules, and why each is used.
NAMES = {
    f"{CACHE}._index_key": "the key of a signature in the index, asked for without making ready to compile",
    f"{CACHE}._save_overload": "writes code whatever becomes of the guards around it",
    f"{CACHE}.cache_path": "where code is kept",
    "numba.core.environment._rebuild_env": "would import modules that no kernel needs",
    f"{FILES}.load": "reads code by its key",
    f"{FILES}._load_index": "tells, before code is kept, whether what is there is out of date",
    "numba.core.caching.CompileResultCacheImpl.rebuild": "makes a kernel of code that was read",
    "numba.core.caching.CompileResultCacheImpl.filename_base": "names files in folders that are only read",
    "numba.core.caching._CacheLocator.get_suitable_cache_subpath": "names the folder below NUMBA_CACHE_DIR",
    f"{FILES}.save": "keeps the machine code of the runtime",
    "numba.core.runtime.nrt.rtsys.initialize": "all that code from the cache needs of a process",
    f"{RUNTIME}.compile_nrt_functions": "would compile the runtime anew in each process",
    f"{RUNTIME}.create_nrt_module": "what of the runtime is compiled",
    f"{LIBRARY}.enable_object_caching": "lets the runtime's machine code be kept",
    f"{LIBRARY}.serialize_using_object_code": "the runtime's machine code, as that of kernels is kept",
    f"{_CODEGEN}.unserialize_library": "makes the runtime of machine code that was read",
    f"{_CODEGEN}.magic_tuple": "the processor that machine code is for",
    "numba.core.dispatcher.Dispatcher.enable_caching": "the documented way to set _cache, which we set",
    "numba.core.dispatcher.Dispatcher.get_call_template": "asked for the types with which a kernel is called",
    "numba.core.dispatcher.Dispatcher._numba_type_": "what a function is to a kernel that calls it",
    "numba.core.dispatcher.Dispatcher._compilation_chain_init_hook": "looks for extensions in all packages",
    "numba.core.dispatcher.Dispatcher.typeof_pyval": "tells the type of an argument",
    f"{_CODEGEN}._library_class": "what holds the code of a kernel: ours makes less of it",
    f"{LIBRARY}.finalize": "optimizes a kernel together with those that it calls",
    f"{LIBRARY}._ensure_finalized": "does so if nobody has",
    f"{LIBRARY}._finalize_final_module": "makes machine code, of kernels too that only kernels call",
    f"{LIBRARY}._finalized": "tells that other code can have this one in it",
    f"{LIBRARY}.get_defined_functions": "tells whether a kernel can be called from Python",
    f"{LIBRARY}.get_pointer_to_function": "asks for machine code",
    f"{LIBRARY}.name": "tells which kernel it is",
    f"{LIBRARY}.codegen": "asked for, to tell machine code where its environment is",
    f"{LIBRARY}._unserialize": "makes a kernel of code that was read: ours leaves its LLVM code aside",
    f"{LIBRARY}._set_compiled_object": "takes machine code that was read",
    f"{LIBRARY}._get_module_for_linking": "asks for a kernel's LLVM code, to compile it into others",
    "numba.core.registry.cpu_target": "what makes code for this processor",
    "numba.core.compiler_lock.global_compiler_lock": "held while Numba works in another way than usual",
    CALL: "finds the type of a call: each time anew, and that is a tenth of all work",
    FLAGS: "the options that the type of a call is found for",
    LIFETIMES: "where variables are used last: found after each pass, needed after the last one",
    "numba.core.postproc.VariableLifetime": "finds that when it is asked",
    "numba.core.transforms.canonicalize_cfg": "what else is done after each pass",
    C_WRAPPER: "what calls a function from C, made of each function of Numba's that a kernel calls",
    TAKES_LOC: "looks at the parameters of what makes code: each time anew",
    **dict.fromkeys((EVENT_START, EVENT_END), "tells of each step whoever listens, and nobody does"),
    "numba.core.ir.Var": "a variable in an instruction of Numba's",
    "numba.core.ir.Inst": "such an instruction",
    VARIABLES: "lists the variables of an instruction, by many questions of what each part is",
    SIZES: "tells how large a type is, by having LLVM read a text",
    REFRESH: "looks for functions that were added: each time anew",
    **dict.fromkeys(ERROR_CONTEXTS, "tells in errors where they were met, and kernels have none"),
    LOWERING: "the class that writes LLVM code",
    f"{_LOWER}.init": "begins a function's code",
    f"{_LOWER}.lower": "writes all of it",
    f"{_LOWER}.incref": "counts references, also in what has none",
    f"{_LOWER}.decref": "the same",
    f"{_LOWER}.delvar": "empties a variable behind its last use",
    f"{_LOWER}.storevar": "looks at what a variable held before it is written",
    f"{_LOWER}._alloca_var": "makes room for a variable",
    f"{_LOWER}.getvar": "tells where that is",
    f"{_LOWER}.loadvar": "reads a variable",
    f"{_LOWER}.lower_getitem": "reads an element by way of a copy of all that is known of the array",
    f"{_LOWER}.lower_setitem": "writes one in the same way",
    f"{_LOWER}.lower_call": "calls a function: here, range",
    f"{_LOWER}.lower_expr": "counts the rounds of a loop as if its step could be anything",
    "numba.core.datamodel.models.DataModel.contains_nrt_meminfo": "tells whether a value has references",
    "numba.core.cgutils.alloca_once": "makes room for what a loop counts",
    "numba.core.compiler.CompilerBase": "compiles a kernel, by what we leave of its passes",
    PASSES: "all of its passes",
    f"{_OPTIONS}._nrt": "leaves out the counting of references to arrays",
    f"{_OPTIONS}.forceinline": "LLVM's alwaysinline",
    f"{_OPTIONS}.no_cpython_wrapper": "leaves out what calls a kernel from Python",
    f"{_OPTIONS}.no_cfunc_wrapper": "leaves out what calls a kernel from C",
}
#: Attributes of a cache and of its files that exist once they are made.
CACHE_ATTRIBUTES = {"_cache_file": "the files of the cache", "_impl": "reads and names them"}
FILE_ATTRIBUTES = {
    "_source_stamp": "code with another stamp is out of date: ours is of all sources that are compiled in",
    "_index_path": "the file that names all others, removed where it is damaged",
}
