# Read by CMake right after llama-cpp-python's own project(): a plain variable hides the cache entry that it forces to ON,
# so that llama.cpp's `common` library with its HTTP server and client, which nothing in Python calls, is not compiled.
set(LLAMA_BUILD_COMMON OFF)

# llama.cpp's converter, of the very version that will run what it makes (export/models/llm/convert.py).
set(_llama ${CMAKE_CURRENT_SOURCE_DIR}/vendor/llama.cpp)
install(DIRECTORY ${_llama}/conversion ${_llama}/gguf-py DESTINATION ${SKBUILD_PLATLIB_DIR}/llama_cpp/converter)
install(PROGRAMS ${_llama}/convert_hf_to_gguf.py ${_llama}/convert_lora_to_gguf.py DESTINATION ${SKBUILD_PLATLIB_DIR}/llama_cpp/converter)

# No AMX. GCC 12, Debian's, takes _tile_loadconfig for a reader of 8 bytes, leaves out the stores to the other 56, and the tile
# configuration is then whatever lay on the stack: a general protection fault in the first decode on every processor that has AMX.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    include(CheckCXXCompilerFlag)
    check_cxx_compiler_flag(-mno-amx-tile KOTOBA_KNOWS_AMX)
    if(KOTOBA_KNOWS_AMX)
        add_compile_options(-mno-amx-tile -mno-amx-int8 -mno-amx-bf16)
    endif()
endif()
