// Whether a call may be made: only along a link. Asked at the caller, before anything is sent, and again at
// the callee, which trusts nobody's word that there is one.
//
//   WATTLE_TRY(const LinkTable::Entry* link,
//              authorize(table, "shop-api", "default", "wasi:keyvalue/store", "get"));        // caller
//   WATTLE_TRY(link, authorize(table, source_id, link_name, interface, function, "shop-kv")); // callee
#pragma once

#include <string_view>

#include "lattice/links.h"

namespace wattle::lattice {

// `interface` with or without version, also by its name on the wire; `function` as on the wire. `target`: who
// is about to serve the call, at the callee; empty at the caller, who goes where the link leads. `link_name`
// may be empty at the callee, for callers that do not tell it: then any link between the two will do. The
// entry lives as long as the table.
// Refused: not_found at the caller, permission_denied at the callee; the error names source, link, interface
// and target, and its remedy is the command that puts the link.
Result<const LinkTable::Entry*> authorize(const LinkTable& table, std::string_view source,
                                          std::string_view link_name, std::string_view interface,
                                          std::string_view function, std::string_view target = {});

}  // namespace wattle::lattice
