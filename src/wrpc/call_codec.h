// Calls with their values: the codecs and the transport put together, for C++ types and for run-time values.
//
//   // caller
//   WATTLE_TRY(auto result, (call_typed<tl::expected<bool, StoreError>>(client, call, bucket, key)));
//   bool exists = *std::get<0>(result);
//   // callee, in its handler
//   WATTLE_TRY((auto [bucket, key]), (parameters_of<std::string, std::string>(incoming)));
//   return reply_with(tl::expected<bool, StoreError>(true));
//
// Streams in parameters are sent, and those in results arrive, until the call's deadline.
#pragma once

#include <optional>
#include <span>
#include <tuple>

#include "wrpc/client.h"
#include "wrpc/server.h"
#include "wrpc/typed_codec.h"
#include "wrpc/value_codec.h"

namespace wattle::wrpc {

// What a result that does not decode means: a callee of another make shows its failures by ending early.
Error unreadable_result(const Call& call, const Answer& answer, const Error& error);

// Whether bytes hold all of these types, as far as can be told: false where they end within a value.
template <class... T>
bool is_whole_of(std::string_view bytes) {
  Reader reader(bytes);
  const auto values = decode_all<T...>(reader);
  return values || !has_reason(values.error(), Reason::truncated);
}

// `call` without parameters, streams and is_whole. The results as a tuple: none, or one.
template <class... Results, class... Parameters>
Result<std::tuple<Results...>> call_typed(Client& client, Call call, const Parameters&... parameters) {
  std::string bytes;
  Writer writer(bytes);
  encode_all(writer, parameters...);
  call.parameters = bytes;
  call.streams = std::move(writer.streams);
  call.is_whole = is_whole_of<Results...>;
  WATTLE_TRY(Answer answer, client.invoke(call));
  Reader reader(answer.result);
  auto results = decode_all<Results...>(reader);
  if (!results) return failure(unreadable_result(call, answer, results.error()));
  WATTLE_CHECK(answer.receive(reader.streams));
  return results;
}

template <class... Parameters>
Result<std::tuple<Parameters...>> parameters_of(IncomingCall& call) {
  WATTLE_TRY(const std::string_view bytes, call.parameters(is_whole_of<Parameters...>));
  Reader reader(bytes);
  WATTLE_TRY(auto values, decode_all<Parameters...>(reader));
  WATTLE_CHECK(call.receive(reader.streams));
  return values;
}

template <class... Results>
Reply reply_with(const Results&... results) {
  Reply reply;
  Writer writer(reply.result);
  encode_all(writer, results...);
  reply.streams = std::move(writer.streams);
  return reply;
}

// The same for values known at run time.
Result<std::optional<wit::Value>> call_values(Client& client, Call call, const wit::FunctionType& function,
                                              std::span<const wit::Value> arguments,
                                              HandleWire* handles = nullptr);
Result<wit::Values> parameter_values(IncomingCall& call, const wit::FunctionType& function,
                                     HandleWire* handles = nullptr);
Result<Reply> reply_values(const wit::FunctionType& function, const std::optional<wit::Value>& result,
                           HandleWire* handles = nullptr);

}  // namespace wattle::wrpc
