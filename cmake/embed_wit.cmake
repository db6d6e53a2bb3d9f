# wattle_embed_wit(NAME FILES file...): a library NAME that holds WIT texts, for src/wit/wasi_wit.h.
#
# As a script (cmake -DOUTPUT=... -DFILES=a|b -P embed_wit.cmake) it writes that library's source.

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
  string(APPEND SOURCE "std::span<const EmbeddedWit> embedded_wasi_wit() {\n  return kFiles;\n}\n\n")
  string(APPEND SOURCE "}  // namespace wattle::wit\n")
  file(WRITE "${OUTPUT}" "${SOURCE}")
  return()
endif()

set(EMBED_WIT_SCRIPT "${CMAKE_CURRENT_LIST_FILE}")

function(wattle_embed_wit NAME)
  cmake_parse_arguments(ARG "" "" "FILES" ${ARGN})
  set(OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/${NAME}.cpp")
  list(JOIN ARG_FILES "|" FILES)
  add_custom_command(
    OUTPUT "${OUTPUT}"
    COMMAND "${CMAKE_COMMAND}" "-DOUTPUT=${OUTPUT}" "-DFILES=${FILES}" -P "${EMBED_WIT_SCRIPT}"
    DEPENDS ${ARG_FILES} "${EMBED_WIT_SCRIPT}"
    VERBATIM)
  add_library(${NAME} STATIC "${OUTPUT}")
  target_link_libraries(${NAME} PUBLIC wattle_wit)
endfunction()
