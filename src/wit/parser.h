// Parses one file of WIT text.
//
//   WATTLE_TRY(ast::File file, parse_wit("types.wit", text));
#pragma once

#include <string_view>

#include "base/result.h"
#include "wit/ast.h"

namespace wattle::wit {

// Longest file, in bytes.
inline constexpr size_t kMaxWitBytes = 16 * 1024 * 1024;
// Deepest nesting of a written type.
inline constexpr uint32_t kMaxWrittenTypeDepth = 100;

// The whole grammar of WIT.md but nested namespaces. What later versions of the component model add (async
// functions, streams, futures, maps, lists of fixed length) is read too; the resolver says what of it this
// build knows. Refuses, as "file:line:column: found ..., expected ...", what does not parse. Names are not
// looked up.
Result<ast::File> parse_wit(std::string_view file_name, std::string_view text);

}  // namespace wattle::wit
