#include "bindings/blobstore_values.h"

#include "bindings/pipe_streams.h"
#include "runtime/error_mapping.h"

namespace wattle::bindings {

using capability::BlobResult;
using runtime::error_text;

// ---- Outgoing

Result<std::unique_ptr<OutgoingValue>> OutgoingValue::create(runtime::Host& host) {
  std::unique_ptr<OutgoingValue> value(new OutgoingValue(host));
  if (!value->charge_.resize(kPipeBytes))
    return failure(ErrorCode::memory_exceeded, "the guest holds too many outgoing values");
  return value;
}

OutgoingValue::~OutgoingValue() {
  if (finished_) return;
  const Error dropped(ErrorCode::cancelled, "the outgoing value was dropped before it was finished");
  state_->pipe->abort(dropped);
  if (storing_ != nullptr && !state_->result) storing_->cancel(dropped);
}

tl::expected<std::unique_ptr<wasi::OutputStream>, std::monostate> OutgoingValue::write_body() {
  if (std::exchange(body_taken_, true)) return tl::make_unexpected(std::monostate{});
  return std::make_unique<wasi::OutputStream>(
      wasi::OutputSinkPtr(new PipeSink(state_->pipe, state_->has_reader)));
}

BlobResult<void> OutgoingValue::store(BlobTarget target, capability::ObjectId id) {
  if (std::exchange(*state_->has_reader, true))
    return tl::make_unexpected("this outgoing value is being written to an object already");
  async::Fiber& fiber = async::Fiber::current();
  const TimePoint deadline = std::min(fiber.deadline(), target.deadline());
  storing_ = fiber.worker().spawn([state = state_, target = std::move(target), id = std::move(id), deadline] {
    async::DeadlineScope scope(deadline);
    state->result = target.capability->write_object(target.caller(), id, *state->pipe);
    state->pipe->stop_reading();
    state->stored.notify();
  });
  return {};
}

BlobResult<void> OutgoingValue::finish() {
  if (storing_ == nullptr)
    return tl::make_unexpected("this outgoing value was given to no object: call container.write-data first");
  state_->pipe->close();
  while (!state_->result)
    if (auto waited = state_->stored.wait(); !waited) return tl::make_unexpected(error_text(waited.error()));
  finished_ = true;
  return *state_->result;
}

// ---- Incoming

BlobResult<std::unique_ptr<IncomingValue>> IncomingValue::open(BlobTarget target, capability::ObjectId id,
                                                               uint64_t first, uint64_t last) {
  std::unique_ptr<IncomingValue> value(new IncomingValue);
  const async::DeadlineScope deadline(target.deadline());
  auto found = target.capability->read_object(target.caller(), id, first, last, value->pipe_);
  if (!found) return tl::make_unexpected(std::move(found.error()));
  value->target_ = std::move(target);
  value->id_ = std::move(id);
  value->first_ = first;
  value->last_ = last;
  return value;
}

IncomingValue::~IncomingValue() {
  if (pipe_ != nullptr) pipe_->stop_reading();
}

BlobResult<std::string> IncomingValue::consume() {
  auto contents = read_all(*pipe_, kMaxBytes);
  if (!contents) return tl::make_unexpected(error_text(contents.error()));
  return std::move(*contents);
}

std::unique_ptr<wasi::InputStream> IncomingValue::stream() {
  return std::make_unique<wasi::InputStream>(
      wasi::InputSourcePtr(new PipeSource(std::exchange(pipe_, nullptr))));
}

Result<uint64_t> IncomingValue::size_bytes() const {
  const async::DeadlineScope deadline(target_.deadline());
  auto info = target_.capability->object_info(target_.caller(), id_);
  if (!info) return failure(ErrorCode::unavailable, "the object's size is not known: {}", info.error());
  if (info->size_bytes <= first_ || last_ < first_) return 0;
  return std::min(last_, info->size_bytes - 1) - first_ + 1;
}

}  // namespace wattle::bindings
