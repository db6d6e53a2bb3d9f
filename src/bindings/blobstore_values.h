// wasi:blobstore/types: contents on their way into and out of objects.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "async/signal.h"
#include "bindings/invocation.h"
#include "capability/blobstore.h"
#include "runtime/host.h"
#include "wasi/http_fields.h"

namespace wattle::bindings {

using BlobTarget = Target<capability::Blobstore>;

// The guest writes into a pipe. write-data() gives that to a fiber which stores what comes out of it;
// finish() waits for that. Either may come first, within the pipe's size. Dropped unfinished, the object does
// not appear.
class OutgoingValue : public runtime::HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:blobstore/types";
  static constexpr std::string_view kName = "outgoing-value";

  // Refused (memory_exceeded): the guest holds too many.
  static Result<std::unique_ptr<OutgoingValue>> create(runtime::Host& host);
  ~OutgoingValue() override;
  // Once.
  tl::expected<std::unique_ptr<wasi::OutputStream>, std::monostate> write_body();
  capability::BlobResult<void> store(BlobTarget target, capability::ObjectId id);
  capability::BlobResult<void> finish();

 private:
  static constexpr size_t kPipeBytes = 256 * 1024;
  struct State {
    std::shared_ptr<async::Pipe> pipe = std::make_shared<async::Pipe>(kPipeBytes);
    std::shared_ptr<bool> has_reader = std::make_shared<bool>(false);
    std::optional<capability::BlobResult<void>> result;
    async::Signal stored;
  };
  explicit OutgoingValue(runtime::Host& host) : charge_(host.resources) {}

  wasi::Charge charge_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::shared_ptr<async::Fiber> storing_;
  bool body_taken_ = false;
  bool finished_ = false;
};

class IncomingValue : public runtime::HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:blobstore/types";
  static constexpr std::string_view kName = "incoming-value";
  // What consume-sync gives at most; more must be streamed.
  static constexpr size_t kMaxBytes = size_t{64} << 20;

  // The bytes `first` to `last` of an object.
  static capability::BlobResult<std::unique_ptr<IncomingValue>> open(BlobTarget target,
                                                                     capability::ObjectId id, uint64_t first,
                                                                     uint64_t last);
  ~IncomingValue() override;
  capability::BlobResult<std::string> consume();
  std::unique_ptr<wasi::InputStream> stream();
  // How many bytes these are: the object is asked.
  Result<uint64_t> size_bytes() const;

 private:
  IncomingValue() = default;
  BlobTarget target_;
  capability::ObjectId id_;
  uint64_t first_ = 0, last_ = 0;
  std::shared_ptr<async::Pipe> pipe_ = std::make_shared<async::Pipe>();  // null once streamed
};

}  // namespace wattle::bindings
