// wRPC values from strangers: any bytes decode as any type, or are refused, within bounds; what decodes
// encodes to bytes that mean the same; and values survive.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

#include "wit/random.h"
#include "wit/wave.h"
#include "wrpc/typed_codec.h"
#include "wrpc/value_codec.h"

namespace {

using namespace wattle;
using namespace wattle::wrpc;

class Handles final : public HandleWire {
 public:
  bool is_byte_stream(wit::ResourceId resource) const override { return resource == 1; }
  Result<std::shared_ptr<async::Pipe>> pipe_of(const wit::HandleValue&) override {
    return std::make_shared<async::Pipe>();
  }
  Result<wit::HandleValue> handle_of(wit::ResourceId, std::shared_ptr<async::Pipe>) override {
    return wit::HandleValue{true, 0, nullptr};
  }
  Result<std::string> token_of(wit::Kind, wit::ResourceId, const wit::HandleValue& handle) override {
    std::string token(sizeof handle.representation, '\0');
    std::memcpy(token.data(), &handle.representation, token.size());
    return token;
  }
  Result<wit::HandleValue> handle_of(wit::Kind kind, wit::ResourceId, std::string_view token) override {
    wit::HandleValue handle{kind == wit::Kind::own, 0, nullptr};
    std::memcpy(&handle.representation, token.data(), std::min(token.size(), sizeof handle.representation));
    return handle;
  }
};

std::string must_encode(const wit::TypeRef& type, const wit::Value& value) {
  std::string bytes;
  Writer writer(bytes);
  Handles handles;
  if (!encode_value(writer, type, value, &handles)) std::abort();
  return bytes;
}

void decode_anything(const wit::TypeRef& type, std::string_view bytes) {
  Reader reader(bytes, {.memory_bytes = 1 << 24});
  Handles handles;
  const auto value = decode_value(reader, type, &handles);
  if (!value) return;
  const std::string again = must_encode(type, *value);
  Reader second(again);
  const auto same = decode_value(second, type, &handles);
  if (!same || must_encode(type, *same).size() != again.size()) std::abort();
}

void round_trip(const wit::TypeRef& type, wit::Random& random) {
  const wit::Value value = random.value(type);
  const std::string bytes = must_encode(type, value);
  Reader reader(bytes);
  Handles handles;
  const auto back = decode_value(reader, type, &handles);
  if (!back || !reader.end() || must_encode(type, *back).size() != bytes.size()) std::abort();
}

struct Record {
  std::string name;
  std::vector<std::pair<uint16_t, std::optional<int64_t>>> numbers;
  std::variant<std::monostate, char32_t, Binary> choice;
};

void decode_typed(std::string_view bytes) {
  using Typed = tl::expected<std::vector<Record>, std::tuple<Flags<11>, double, ByteStream>>;
  Reader reader(bytes, {.memory_bytes = 1 << 24});
  if (const auto value = Code<Typed>::decode(reader); value) {
    const std::string again = encoded(*value);
    if (!decoded<Typed>(again)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const size_t type_bytes = std::min<size_t>(data[0], size - 1);
  wit::Random choose_type(std::span(data + 1, type_bytes), {.resources = 2});
  const wit::TypeRef type = choose_type.type();
  const std::span<const uint8_t> rest(data + 1 + type_bytes, size - 1 - type_bytes);
  const std::string_view bytes(reinterpret_cast<const char*>(rest.data()), rest.size());
  wit::Random choose_value(rest, {.resources = 2});
  decode_anything(type, bytes);
  round_trip(type, choose_value);
  decode_typed(bytes);
  static_cast<void>(error_from_json("trap", bytes));
  return 0;
}
