# Read by CMake right after llama-cpp-python's own project(): a plain variable hides the cache entry that it forces to ON,
# so that llama.cpp's `common` library with its HTTP server and client, which nothing in Python calls, is not compiled.
set(LLAMA_BUILD_COMMON OFF)

# llama.cpp's converter, of the very version that will run what it makes (export/hf_llm.py).
set(_llama ${CMAKE_CURRENT_SOURCE_DIR}/vendor/llama.cpp)
install(DIRECTORY ${_llama}/conversion ${_llama}/gguf-py DESTINATION ${SKBUILD_PLATLIB_DIR}/llama_cpp/converter)
install(PROGRAMS ${_llama}/convert_hf_to_gguf.py ${_llama}/convert_lora_to_gguf.py DESTINATION ${SKBUILD_PLATLIB_DIR}/llama_cpp/converter)
