#include "wrpc/call_codec.h"

namespace wattle::wrpc {
namespace {

// Decodes without making anything: to see whether all bytes are there.
class NoHandles final : public HandleWire {
 public:
  explicit NoHandles(HandleWire* real) : real_(real) {}
  bool is_byte_stream(wit::ResourceId resource) const override { return real_->is_byte_stream(resource); }
  Result<std::shared_ptr<async::Pipe>> pipe_of(const wit::HandleValue&) override { return nullptr; }
  Result<wit::HandleValue> handle_of(wit::ResourceId, std::shared_ptr<async::Pipe>) override {
    return wit::HandleValue{};
  }
  Result<std::string> token_of(wit::Kind, wit::ResourceId, const wit::HandleValue&) override {
    return std::string();
  }
  Result<wit::HandleValue> handle_of(wit::Kind, wit::ResourceId, std::string_view) override {
    return wit::HandleValue{};
  }

 private:
  HandleWire* real_;
};

// `decode`: of parameters or of a result.
template <class Decode>
IsWhole whole_by(HandleWire* handles, Decode decode) {
  return [handles, decode](std::string_view bytes) {
    Reader reader(bytes);
    NoHandles none(handles);
    const auto values = decode(reader, handles == nullptr ? nullptr : &none);
    return values || !has_reason(values.error(), Reason::truncated);
  };
}

}  // namespace

Error unreadable_result(const Call& call, const Answer& answer, const Error& error) {
  const bool ended_early = answer.is_foreign() && has_reason(error, Reason::truncated);
  const ErrorCode code = ended_early ? ErrorCode::trap : ErrorCode::malformed;
  const std::string what = ended_early
                               ? "failed without a word: its callee speaks wRPC 0.0.1, whose results just end"
                               : "answered what is not of its result type";
  const Error top =
      wrpc_error(code, Reason::maybe_begun,
                 fmt::format("{}.{} of {} {}", call.instance, call.function, call.prefix, what));
  return Error(top.code(), top.message(), error).with_detail(top.detail());
}

Result<std::optional<wit::Value>> call_values(Client& client, Call call, const wit::FunctionType& function,
                                              std::span<const wit::Value> arguments, HandleWire* handles) {
  std::string bytes;
  Writer writer(bytes);
  WATTLE_CHECK(encode_parameters(writer, function, arguments, handles));
  call.parameters = bytes;
  call.streams = std::move(writer.streams);
  call.is_whole = whole_by(handles, [&function](Reader& reader, HandleWire* none) {
    return decode_result(reader, function, none);
  });
  WATTLE_TRY(Answer answer, client.invoke(call));
  Reader reader(answer.result);
  auto result = decode_result(reader, function, handles);
  if (!result) return failure(unreadable_result(call, answer, result.error()));
  WATTLE_CHECK(answer.receive(reader.streams));
  return result;
}

Result<wit::Values> parameter_values(IncomingCall& call, const wit::FunctionType& function,
                                     HandleWire* handles) {
  WATTLE_TRY(const std::string_view bytes,
             call.parameters(whole_by(handles, [&function](Reader& reader, HandleWire* none) {
               return decode_parameters(reader, function, none);
             })));
  Reader reader(bytes);
  WATTLE_TRY(wit::Values values, decode_parameters(reader, function, handles));
  WATTLE_CHECK(call.receive(reader.streams));
  return values;
}

Result<Reply> reply_values(const wit::FunctionType& function, const std::optional<wit::Value>& result,
                           HandleWire* handles) {
  Reply reply;
  Writer writer(reply.result);
  WATTLE_CHECK(encode_result(writer, function, result, handles));
  reply.streams = std::move(writer.streams);
  return reply;
}

}  // namespace wattle::wrpc
