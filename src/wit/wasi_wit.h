// WASI 0.2 as it is declared: the WIT texts, embedded when wattle is built (cmake/embed_wit.cmake), so that
// imports can be checked against them and messages can say what there is.
//
// The functions are in the library wattle_wasi_wit.
#pragma once

#include <span>
#include <string_view>

namespace wattle::wit {

struct EmbeddedWit {
  std::string_view name;  // "wasi-io/package.wit"
  std::string_view text;
};

// One file for each of wasi:cli, clocks, filesystem, http, io, random and sockets, all of one 0.2 version. To
// resolve them, make each a SourcePackage.
std::span<const EmbeddedWit> embedded_wasi_wit();

}  // namespace wattle::wit
