#include "wrpc/wire.h"

#include "wit/transcode.h"

namespace wattle::wrpc {

std::string to_string(const Path& path) {
  return fmt::format("{}", fmt::join(path, "."));
}

void Writer::unsigned_leb(uint64_t value) {
  while (value >= 0x80) {
    byte(static_cast<uint8_t>(value) | 0x80);
    value >>= 7;
  }
  byte(static_cast<uint8_t>(value));
}

void Writer::signed_leb(int64_t value) {
  while (value < -64 || value > 63) {
    byte((static_cast<uint8_t>(value) & 0x7f) | 0x80);
    value >>= 7;
  }
  byte(static_cast<uint8_t>(value) & 0x7f);
}

void Writer::text(std::string_view bytes) {
  unsigned_leb(bytes.size());
  raw(bytes);
}

void Writer::character(char32_t value) {
  wit::append_utf8(out_, value);
}

tl::unexpected<Error> Reader::malformed(std::string_view what) const {
  return failure(ErrorCode::malformed, "malformed wRPC value at byte {}: {}", position_, what);
}

tl::unexpected<Error> Reader::truncated() const {
  return failure(wrpc_error(ErrorCode::malformed, Reason::truncated,
                            fmt::format("the wRPC value ends too early, at byte {}", bytes_.size())));
}

Result<void> Reader::end() const {
  if (remaining() == 0) return {};
  return malformed(fmt::format("{} more bytes than the type has", remaining()));
}

Result<uint8_t> Reader::byte() {
  if (remaining() == 0) return truncated();
  return static_cast<uint8_t>(bytes_[position_++]);
}

Result<bool> Reader::boolean() {
  WATTLE_TRY(const uint8_t value, byte());
  if (value > 1) return malformed(fmt::format("{} is neither true nor false", value));
  return value == 1;
}

Result<uint64_t> Reader::unsigned_leb(unsigned bits) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < bits; shift += 7) {
    WATTLE_TRY(const uint8_t next, byte());
    const uint64_t part = next & 0x7f;
    const unsigned room = bits - shift;
    if (room < 7 && (part >> room) != 0) return malformed(fmt::format("a number beyond {} bits", bits));
    value |= part << shift;
    if ((next & 0x80) == 0) return value;
  }
  return malformed(fmt::format("a number of {} bits with too many bytes", bits));
}

Result<int64_t> Reader::signed_leb(unsigned bits) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < bits; shift += 7) {
    WATTLE_TRY(const uint8_t next, byte());
    const uint64_t part = next & 0x7f;
    const unsigned room = bits - shift;
    if (room < 7) {
      // The bits beyond the type repeat its sign.
      const uint64_t beyond = part >> (room - 1);
      if (beyond != 0 && beyond != (0x7fu >> (room - 1)))
        return malformed(fmt::format("a number beyond {} bits", bits));
    }
    value |= part << shift;
    if ((next & 0x80) != 0) continue;
    const unsigned read = shift + 7;
    if (read < 64 && (next & 0x40) != 0) value |= ~uint64_t{0} << read;
    return static_cast<int64_t>(value);
  }
  return malformed(fmt::format("a number of {} bits with too many bytes", bits));
}

Result<uint32_t> Reader::discriminant(size_t cases) {
  WATTLE_TRY(const uint64_t index, unsigned_leb(32));
  if (index >= cases) return malformed(fmt::format("case {} of {}", index, cases));
  return static_cast<uint32_t>(index);
}

Result<char32_t> Reader::character() {
  WATTLE_TRY(const uint8_t first, byte());
  const size_t more = first < 0x80       ? 0
                      : first >> 5 == 6  ? 1
                      : first >> 4 == 14 ? 2
                      : first >> 3 == 30 ? 3
                                         : 4;
  if (more == 4) return malformed("a char that is no UTF-8");
  --position_;
  WATTLE_TRY(const std::string_view bytes, take(more + 1));
  if (!wit::validate_utf8({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}))
    return malformed("a char that is no UTF-8");
  size_t position = 0;
  return wit::next_utf8(bytes, position);
}

Result<std::string_view> Reader::take(uint64_t count) {
  if (count > remaining()) return truncated();
  const std::string_view view = bytes_.substr(position_, count);
  position_ += count;
  return view;
}

Result<std::string_view> Reader::blob() {
  WATTLE_TRY(const uint64_t length, unsigned_leb(32));
  WATTLE_CHECK(spend(length));
  return take(length);
}

Result<std::string_view> Reader::text() {
  WATTLE_TRY(const std::string_view bytes, blob());
  if (!wit::validate_utf8({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}))
    return malformed("a string that is no UTF-8");
  return bytes;
}

Result<uint32_t> Reader::count(size_t least_bytes, size_t memory_bytes) {
  WATTLE_TRY(const uint64_t count, unsigned_leb(32));
  WATTLE_CHECK(spend(count * memory_bytes));
  if (least_bytes != 0 && count > remaining() / least_bytes) return truncated();
  return static_cast<uint32_t>(count);
}

Result<void> Reader::spend(uint64_t memory_bytes) {
  if (memory_bytes > limits_.memory_bytes)
    return failure(ErrorCode::memory_exceeded, "the wRPC value takes more memory than a message may");
  limits_.memory_bytes -= memory_bytes;
  return {};
}

Result<void> Reader::enter() {
  if (depth_ >= limits_.depth)
    return failure(ErrorCode::malformed, "the wRPC value nests more than {} deep", limits_.depth);
  ++depth_;
  return {};
}

void write_pending(Writer& writer, Flow flow, std::shared_ptr<async::Pipe> pipe) {
  writer.byte(0);
  writer.streams.push_back({writer.path, flow, std::move(pipe)});
}

void write_byte_stream(Writer& writer, std::shared_ptr<async::Pipe> pipe) {
  const size_t size = pipe->buffered();
  if (!pipe->closed() || pipe->error() || size == 0 || size > kInlineStreamBytesMax)
    return write_pending(writer, Flow::bytes, std::move(pipe));
  std::string whole(size, '\0');
  pipe->copy({reinterpret_cast<uint8_t*>(whole.data()), size});
  writer.text(whole);
}

std::shared_ptr<async::Pipe> read_pending(Reader& reader, Flow flow) {
  // Whoever lets go of it reads no more, and the sender should know.
  std::shared_ptr<async::Pipe> pipe(new async::Pipe(), [](async::Pipe* gone) {
    gone->stop_reading();
    delete gone;
  });
  reader.streams.push_back({reader.path, flow, pipe});
  return pipe;
}

Result<std::shared_ptr<async::Pipe>> read_byte_stream(Reader& reader) {
  WATTLE_TRY(const std::string_view bytes, reader.blob());
  if (bytes.empty()) return read_pending(reader, Flow::bytes);
  auto pipe = std::make_shared<async::Pipe>(bytes.size());
  pipe->try_write({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  pipe->close();
  return pipe;
}

}  // namespace wattle::wrpc
