// Provider archives, and tokens (after a "t"). A token that anybody made must not pass as signed, and
// whatever is refused says why and what to do.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "host/provider_archive.h"

namespace {

using namespace wattle::host;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.starts_with('t')) {
    (void)parse_provider_token(bytes.substr(1), 1000);
    (void)read_claims({data + 1, size - 1});
    return 0;
  }
  const auto provider =
      read_provider_archive(bytes, {.target = "x86_64-linux", .now_s = 1000, .bytes_max = 1 << 20});
  if (!provider) {
    require(!provider.error().full_message().empty());
    require(!provider.error().remedy().empty() ||
            provider.error().code() == wattle::ErrorCode::memory_exceeded);
  }
  return 0;
}
