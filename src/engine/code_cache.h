// Compiled code on disk, one file a module. Any number of processes may share a directory: entries appear by
// rename, complete or not at all, and one that is damaged, cut off or not ours is as good as none.
//
// A file: the line "wattle code 1\n", the SHA-256 of everything after it, the facts, the code.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace wattle::engine {

// What is known about a module besides its code. That an entry exists says that the module is valid.
struct CachedFacts {
  bool resettable = false;
};

struct CachedModule {
  CachedFacts facts;
  std::vector<uint8_t> code;  // V8's own format; empty: not compiled far enough to be worth keeping
};

class CodeCache {
 public:
  // An empty directory: nothing is kept. It is made when the first entry is written. `most_bytes`: of all
  // entries together; the longest unused ones go first.
  explicit CodeCache(std::string directory, uint64_t most_bytes = uint64_t{2} << 30);

  bool enabled() const { return !directory_.empty(); }
  // The key of a module in this build of the engine: SHA-256 over its bytes and `build`, in hexadecimal.
  static std::string key_of(std::span<const uint8_t> module, std::string_view build);

  // Nothing if there is no entry, or none that can be used.
  std::optional<CachedModule> load(const std::string& key) const;
  // Replaces the entry. Fails where the directory cannot be written: work goes on without.
  Result<void> store(const std::string& key, const CachedFacts& facts, std::span<const uint8_t> code) const;

 private:
  std::string path_of(const std::string& key) const;
  void evict(uint64_t coming_bytes) const;

  std::string directory_;
  uint64_t most_bytes_;
};

}  // namespace wattle::engine
