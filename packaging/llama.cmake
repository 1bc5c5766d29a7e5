# Read by CMake right after llama-cpp-python's own project(): a plain variable hides the cache entry that it forces to ON,
# so that llama.cpp's `common` library with its HTTP server and client, which nothing in Python calls, is not compiled.
set(LLAMA_BUILD_COMMON OFF)
