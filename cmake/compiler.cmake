# Language level, warnings as errors, sanitizers and the compiler cache, for every target alike.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

set(WATTLE_SANITIZE "" CACHE STRING "Sanitizer: empty, address (with undefined) or thread")
option(WATTLE_FUZZ "Build the libFuzzer programs (clang only)" OFF)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -g1)
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_RELEASE "-O2")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1") # the sanitizers' builds: a third less to compile than -O2
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O1")

if(WATTLE_SANITIZE STREQUAL "address")
  # vptr reads run-time type information, which V8 is built without; and templates over its types are
  # instantiated everywhere.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  add_compile_definitions(BOOST_USE_UCONTEXT BOOST_USE_ASAN WATTLE_SANITIZE_ADDRESS)
elseif(WATTLE_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan) # Asio's fences, which this sanitizer does not see; its locks it does
  endif()
  add_link_options(-fsanitize=thread)
  add_compile_definitions(BOOST_USE_UCONTEXT BOOST_USE_TSAN WATTLE_SANITIZE_THREAD)
elseif(WATTLE_SANITIZE)
  message(FATAL_ERROR "WATTLE_SANITIZE is \"${WATTLE_SANITIZE}\"; it takes address, thread or nothing")
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND (WATTLE_SANITIZE OR CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13))
  # g++ 12 in instrumented variants, and g++ 14 in moves of tl::expected, see uses that are not there; so does the former with vfork.
  add_compile_options(-Wno-maybe-uninitialized -Wno-clobbered)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wno-deprecated-declarations)  # libstdc++ 12's own stable_sort
endif()
if(WATTLE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
