// The bytes of wRPC values: writing and reading their parts (component-model value definitions: LEB128
// numbers, lengths, text), for the codecs of run-time values and of C++ types.
//
// A reader is for bytes from strangers: it never reads past its end, and what it makes is bounded by a budget
// of memory and by a depth. Errors are malformed; with Reason::truncated when more bytes could mend it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "async/pipe.h"
#include "base/result.h"
#include "wrpc/error.h"

namespace wattle::wrpc {

// Where a value stands: the number of the parameter or result, then of record field, tuple element or list
// element; options, results and variants add nothing, as in the reference implementation. What is sent later
// (streams, futures) travels under the path of where its value stands.
using Path = std::vector<uint32_t>;
std::string to_string(const Path& path);  // "0.1"

// What flows under a path, later than the root values.
enum class Flow : uint8_t {
  bytes,  // the contents of a stream<u8>; the transport cuts them into the chunks of the encoding
  raw,    // encoded values as they are: a future's value, the chunks of any other stream
};
struct SubStream {
  Path path;
  Flow flow = Flow::bytes;
  std::shared_ptr<async::Pipe> pipe;
};
using SubStreams = std::vector<SubStream>;

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void byte(uint8_t value) { out_ += static_cast<char>(value); }
  void raw(std::string_view bytes) { out_ += bytes; }
  void unsigned_leb(uint64_t value);
  void signed_leb(int64_t value);
  void text(std::string_view bytes);  // a length and the bytes: string, list<u8>
  void character(char32_t value);
  template <class T>
  void fixed(T value) {  // little-endian
    static_assert(std::endian::native == std::endian::little);
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out_.append(bytes, sizeof value);
  }

  // What pending values of this message will send. The codec keeps `path` up to date.
  SubStreams streams;
  Path path;

 private:
  std::string& out_;
};

struct ReaderLimits {
  uint64_t memory_bytes = uint64_t{64} << 20;  // that the values may take on this side
  uint32_t depth = 100;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes, ReaderLimits limits = {}) : bytes_(bytes), limits_(limits) {}

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  // Refused: malformed when bytes are left.
  Result<void> end() const;

  Result<uint8_t> byte();
  Result<bool> boolean();
  // Of a type of `bits` bits; refused where the number does not fit it or is longer than it can need.
  Result<uint64_t> unsigned_leb(unsigned bits);
  Result<int64_t> signed_leb(unsigned bits);
  Result<uint32_t> discriminant(size_t cases);
  Result<char32_t> character();
  // A view into the bytes.
  Result<std::string_view> take(uint64_t count);
  Result<std::string_view> blob();  // a length and the bytes
  Result<std::string_view> text();  // the same, valid UTF-8
  template <class T>
  Result<T> fixed() {
    WATTLE_TRY(const std::string_view bytes, take(sizeof(T)));
    char raw_bytes[sizeof(T)];
    bytes.copy(raw_bytes, sizeof raw_bytes);
    return std::bit_cast<T>(raw_bytes);
  }
  // A list's count of elements that take at least `least_bytes` each here and `memory_bytes` in memory.
  Result<uint32_t> count(size_t least_bytes, size_t memory_bytes);

  Result<void> spend(uint64_t memory_bytes);
  Result<void> enter();  // one level deeper; leave() when it succeeded
  void leave() { --depth_; }

  // What pending values of this message wait for, in pipes that the transport fills.
  SubStreams streams;
  Path path;

 private:
  tl::unexpected<Error> malformed(std::string_view what) const;
  tl::unexpected<Error> truncated() const;

  std::string_view bytes_;
  ReaderLimits limits_;
  size_t position_ = 0;
  uint32_t depth_ = 0;
};

// A stream or future whose content follows under the writer's path.
void write_pending(Writer& writer, Flow flow, std::shared_ptr<async::Pipe> pipe);
// After the mark that says so: what will come under the reader's path. The sender is told when the pipe is
// let go.
std::shared_ptr<async::Pipe> read_pending(Reader& reader, Flow flow);
// A stream<u8>: whole and inline where it has ended and is small, so that it comes with the rest of the
// message or not at all, and can be sent again; else pending. An empty one is pending too: that is what a
// count of 0 says.
inline constexpr size_t kInlineStreamBytesMax = 16 * 1024;
void write_byte_stream(Writer& writer, std::shared_ptr<async::Pipe> pipe);
Result<std::shared_ptr<async::Pipe>> read_byte_stream(Reader& reader);

// Keeps a codec's path at a place while it lives.
template <class Coder>
class PathScope {
 public:
  PathScope(Coder& coder, size_t index) : coder_(coder) {
    coder_.path.push_back(static_cast<uint32_t>(index));
  }
  ~PathScope() { coder_.path.pop_back(); }
  PathScope(const PathScope&) = delete;
  PathScope& operator=(const PathScope&) = delete;

 private:
  Coder& coder_;
};

}  // namespace wattle::wrpc
