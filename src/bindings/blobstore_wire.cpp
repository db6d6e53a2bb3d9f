#include "bindings/blobstore_wire.h"

#include "bindings/pipe_streams.h"

namespace wattle::bindings::blobstore_wire {
namespace {

Result<std::vector<std::string>> read_names(wrpc::Reader& reader, uint32_t count) {
  std::vector<std::string> names;
  names.reserve(count);
  for (uint32_t index = 0; index < count; ++index) {
    WATTLE_TRY(const std::string_view name, reader.text());
    names.emplace_back(name);
  }
  return names;
}

}  // namespace

NameStream NameStream::of(const std::vector<std::string>& names) {
  std::string bytes;
  wrpc::Writer writer(bytes);
  if (!names.empty()) wrpc::Code<std::vector<std::string>>::encode(writer, names);
  writer.byte(0);
  NameStream stream;
  stream.pipe_ = std::make_shared<async::Pipe>(bytes.size());
  stream.pipe_->try_write({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  stream.pipe_->close();
  return stream;
}

Result<std::vector<std::string>> NameStream::get() {
  if (pipe_ == nullptr) return std::move(names_);
  WATTLE_TRY(const std::string bytes, read_all(*pipe_, kMaxBytes));
  wrpc::Reader reader(bytes);
  std::vector<std::string> names;
  while (reader.remaining() > 0) {
    WATTLE_TRY(const uint32_t count, reader.count(1, sizeof(std::string)));
    if (count == 0) break;
    WATTLE_TRY(auto more, read_names(reader, count));
    std::move(more.begin(), more.end(), std::back_inserter(names));
  }
  return names;
}

}  // namespace wattle::bindings::blobstore_wire

namespace wattle::wrpc {

using bindings::blobstore_wire::NameStream;

Result<NameStream> Code<NameStream>::decode(Reader& reader) {
  NameStream stream;
  WATTLE_TRY(const uint32_t count, reader.count(1, sizeof(std::string)));
  if (count == 0) {
    stream.pipe_ = std::make_shared<async::Pipe>();
    reader.streams.push_back({reader.path, Flow::raw, stream.pipe_});
  } else {
    WATTLE_TRY(stream.names_, bindings::blobstore_wire::read_names(reader, count));
  }
  return stream;
}

}  // namespace wattle::wrpc
