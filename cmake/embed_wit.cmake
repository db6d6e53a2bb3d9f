# wattle_embed_wit(NAME FILES file... [FUNCTION name]): a library NAME that holds WIT texts, and gives them by that
# function of src/wit/wasi_wit.h's kind; embedded_wasi_wit unless it is said.
#
# As a script (cmake -DOUTPUT=... -DFILES=a|b -DFUNCTION=... -P embed_wit.cmake) it writes that library's source.

if(CMAKE_SCRIPT_MODE_FILE)
  set(SOURCE "// Generated from WIT texts by cmake/embed_wit.cmake.\n#include \"wit/wasi_wit.h\"\n\n")
  string(APPEND SOURCE "#include <array>\n\nnamespace wattle::wit {\nnamespace {\n\n")
  string(REPLACE "|" ";" FILES "${FILES}")
  list(LENGTH FILES COUNT)
  string(APPEND SOURCE "constexpr std::array<EmbeddedWit, ${COUNT}> kFiles = {{\n")
  foreach(FILE IN LISTS FILES)
    file(READ "${FILE}" TEXT)
    cmake_path(GET FILE PARENT_PATH FOLDER)
    cmake_path(GET FOLDER FILENAME PACKAGE)
    cmake_path(GET FILE FILENAME NAME)
    string(APPEND SOURCE "    {\"${PACKAGE}/${NAME}\", R\"~wit~(${TEXT})~wit~\"},\n")
  endforeach()
  string(APPEND SOURCE "}};\n\n}  // namespace\n\n")
  string(APPEND SOURCE "std::span<const EmbeddedWit> ${FUNCTION}();\n\nstd::span<const EmbeddedWit> ${FUNCTION}() {\n  return kFiles;\n}\n\n")
  string(APPEND SOURCE "}  // namespace wattle::wit\n")
  file(WRITE "${OUTPUT}" "${SOURCE}")
  return()
endif()

function(wattle_embed_wit NAME)
  cmake_parse_arguments(ARG "" "FUNCTION" "FILES" ${ARGN})
  if(NOT ARG_FUNCTION)
    set(ARG_FUNCTION embedded_wasi_wit)
  endif()
  set(OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/${NAME}.cpp")
  list(JOIN ARG_FILES "|" FILES)
  add_custom_command(
    OUTPUT "${OUTPUT}"
    COMMAND "${CMAKE_COMMAND}" "-DOUTPUT=${OUTPUT}" "-DFILES=${FILES}" "-DFUNCTION=${ARG_FUNCTION}" -P "${CMAKE_CURRENT_FUNCTION_LIST_FILE}"
    DEPENDS ${ARG_FILES} "${CMAKE_CURRENT_FUNCTION_LIST_FILE}"
    VERBATIM)
  add_library(${NAME} STATIC "${OUTPUT}")
  target_link_libraries(${NAME} PUBLIC wattle_wit)
endfunction()
