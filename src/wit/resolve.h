// From WIT text to packages in which every name is looked up.
//
//   WATTLE_TRY(std::vector<SourcePackage> sources, read_wit("wit/"));
//   WATTLE_TRY(PackageSet set, resolve(sources));
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "wit/package.h"

namespace wattle::wit {

struct SourceFile {
  std::string name;  // for messages
  std::string text;
};

// The files of one package, which one of them names at least, and the packages that are written inside them.
struct SourcePackage {
  std::vector<SourceFile> files;
};

struct ResolveOptions {
  // @unstable items are left out unless their feature is here, or all are wanted.
  bool all_features = false;
  std::set<std::string> features = {};
  // `use wasi:io/error@0.2.6` finds 0.2.12 where 0.2.6 is not there.
  bool accept_compatible_versions = true;
};

// Resolves all packages. Refuses, as "file:line:column: ...", what WIT.md's rules refuse: unknown and
// repeated names, cycles, borrows in results. Types that are later than WASI 0.2 (streams, futures, maps,
// lists of fixed length) and what uses them stay, marked as unsupported.
Result<PackageSet> resolve(std::span<const SourcePackage> sources, const ResolveOptions& options = {});

// Reads a file, or a folder's *.wit files as one package with its dependencies in the folder `deps`, each of
// them a file or a folder. The package itself comes last. Refuses what cannot be read.
Result<std::vector<SourcePackage>> read_wit(const std::string& path);

}  // namespace wattle::wit
