// The two backends of a copy, reached over the bus as the links' source reaches them: what a key-value bucket
// and a blobstore container have in common.
//
//   auto ends = key_value_ends(client, lattice, from, to);
//   auto names = ends->list(Side::from, "default");
//   for (;;) { WATTLE_TRY(const auto page, names->next()); ... WATTLE_TRY(auto bytes, ends->copy("default",
//   name)); }
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lattice/link.h"
#include "wrpc/client.h"

namespace wattle::cli {

enum class Side : uint8_t { from, to };

class Names {
 public:
  virtual ~Names() = default;
  // The next page; empty at the end. What is there all the while is told, perhaps twice.
  virtual Result<std::vector<std::string>> next() = 0;
};

// Errors name the link and its target.
class CopyEnds {
 public:
  virtual ~CopyEnds() = default;
  // Makes the container at the target, where it is not made by itself.
  virtual Result<void> make(const std::string& container) = 0;
  virtual std::unique_ptr<Names> list(Side side, const std::string& container) = 0;
  virtual Result<bool> exists(Side side, const std::string& container, const std::string& name) = 0;
  // What the source has, or has not, the target has then too. Returns the size in bytes.
  virtual Result<uint64_t> copy(const std::string& container, const std::string& name) = 0;
  // Whether both have the same, or none has it.
  virtual Result<bool> same(const std::string& container, const std::string& name) = 0;
  virtual Result<void> remove_at_target(const std::string& container, const std::string& name) = 0;
};

// `client` outlives them.
std::unique_ptr<CopyEnds> key_value_ends(wrpc::Client& client, const std::string& lattice,
                                         const lattice::Link& from, const lattice::Link& to);
std::unique_ptr<CopyEnds> blobstore_ends(wrpc::Client& client, const std::string& lattice,
                                         const lattice::Link& from, const lattice::Link& to);

}  // namespace wattle::cli
