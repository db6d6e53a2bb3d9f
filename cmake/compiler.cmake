# Language level, warnings as errors, sanitizers and the compiler cache, for every target alike.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

set(WATTLE_SANITIZE "" CACHE STRING "Sanitizer (clang): empty, address (with undefined, and the fuzzers) or thread")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # CCACHE_DEPEND: what is not in the cache yet is not preprocessed before it is compiled.
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros
    "${CCACHE_PROGRAM}")
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
endif()

# Line numbers in profiles, which cost the sanitizers' builds a fifth of their time: without them, reports name functions.
set(WATTLE_DEBUG_INFO "$<IF:$<BOOL:${WATTLE_SANITIZE}>,-g0,-g1>" CACHE STRING "-g1 for line numbers in the sanitizers' reports")
add_compile_options(-Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual ${WATTLE_DEBUG_INFO})
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_RELEASE "-O2")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1") # the sanitizers' builds: a third less to compile than -O2
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O1")

if(WATTLE_SANITIZE AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "the sanitizers' builds are clang's: use the presets asan and tsan")
elseif(WATTLE_SANITIZE STREQUAL "address")
  # vptr reads run-time type information, which V8 is built without; and templates over its types are
  # instantiated everywhere.
  # Frames that outlive their functions are not looked for: each fiber would keep a second stack, for good.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined
    -fsanitize-address-use-after-return=never -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  add_compile_definitions(BOOST_USE_UCONTEXT BOOST_USE_ASAN WATTLE_SANITIZE_ADDRESS)
elseif(WATTLE_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
  add_compile_definitions(BOOST_USE_UCONTEXT BOOST_USE_TSAN WATTLE_SANITIZE_THREAD)
elseif(WATTLE_SANITIZE)
  message(FATAL_ERROR "WATTLE_SANITIZE is \"${WATTLE_SANITIZE}\"; it takes address, thread or nothing")
endif()
if(WATTLE_SANITIZE)
  add_link_options(-fuse-ld=lld) # which comes with that clang
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  add_compile_options(-Wno-maybe-uninitialized) # g++ 14, in moves of tl::expected, sees uses that are not there
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wno-deprecated-declarations)  # libstdc++ 12's own stable_sort
endif()
