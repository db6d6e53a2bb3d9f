// wrpc:blobstore's values: containers are names, contents and names flow as streams.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "capability/blobstore.h"
#include "wrpc/typed_codec.h"

namespace wattle::bindings::blobstore_wire {

inline constexpr std::string_view kBlobstore = "wrpc:blobstore/blobstore@0.2.0";
// With the same functions, where nobody serves the newer one.
inline constexpr std::string_view kOlderBlobstore = "wrpc:blobstore/blobstore@0.1.0";

template <class T>
using Answer = tl::expected<T, std::string>;
using ObjectId = std::tuple<std::string, std::string>;
using ContainerMetadata = std::tuple<uint64_t>;
using ObjectMetadata = std::tuple<uint64_t, uint64_t>;

inline ObjectId id_to_wire(const capability::ObjectId& id) {
  return {id.container, id.object};
}
inline capability::ObjectId id_from_wire(ObjectId id) {
  return {std::move(std::get<0>(id)), std::move(std::get<1>(id))};
}

// stream<string>. Received: get() waits for all of them, once.
class NameStream {
 public:
  static constexpr size_t kMaxBytes = size_t{16} << 20;
  // To send these.
  static NameStream of(const std::vector<std::string>& names);
  // Refused: malformed, memory_exceeded, and what ended the stream early.
  Result<std::vector<std::string>> get();

 private:
  friend struct wrpc::Code<NameStream>;
  std::vector<std::string> names_;     // that came at once
  std::shared_ptr<async::Pipe> pipe_;  // of lists, the last one empty; null: all are there
};

}  // namespace wattle::bindings::blobstore_wire

template <>
struct wattle::wrpc::Code<wattle::bindings::blobstore_wire::NameStream> {
  using NameStream = wattle::bindings::blobstore_wire::NameStream;
  static constexpr bool kStreams = true;
  static constexpr size_t kLeastBytes = 1;
  static void encode(Writer& writer, const NameStream& value) {
    write_pending(writer, Flow::raw, value.pipe_);
  }
  // Pending, or, as other encoders may choose, all of it at once.
  static Result<NameStream> decode(Reader& reader);
};
