// wrpc:http's values: requests and responses are records, bodies flow as streams, trailers follow as futures.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/byte_string.h"
#include "http/message.h"
#include "wasi/http_types.h"
#include "wrpc/typed_codec.h"

namespace wattle::bindings::http_wire {

inline constexpr std::string_view kIncoming = "wrpc:http/incoming-handler@0.1.0";
inline constexpr std::string_view kOutgoing = "wrpc:http/outgoing-handler@0.1.0";

using Fields = std::vector<std::tuple<std::string, std::vector<ByteString>>>;
using Trailers = wrpc::Future<std::optional<Fields>>;
// body, trailers, method, path-with-query, scheme, authority, headers
using Request = std::tuple<wrpc::ByteStream, Trailers, wasi::HttpMethod, std::optional<std::string>,
                           std::optional<wasi::HttpScheme>, std::optional<std::string>, Fields>;
// body, trailers, status, headers
using Response = std::tuple<wrpc::ByteStream, Trailers, uint16_t, Fields>;
// connect-timeout, first-byte-timeout, between-bytes-timeout: nanoseconds
using Options = std::tuple<std::optional<uint64_t>, std::optional<uint64_t>, std::optional<uint64_t>>;
using Answer = tl::expected<Response, wasi::HttpErrorCode>;

// From a fiber: bodies are moved by fibers of their own, within the present one's deadline. `body` may be
// null.
Request request_to_wire(const http::Request& request, const std::shared_ptr<http::Body>& body);
Response response_to_wire(const http::Response& response, const std::shared_ptr<http::Body>& body);

struct ReceivedRequest {
  http::Request head;
  std::shared_ptr<http::Body> body;  // the reading end
};
// Refused (malformed): a method, scheme or field that is not HTTP.
Result<ReceivedRequest> request_from_wire(Request request);
struct ReceivedResponse {
  http::Response head;
  std::shared_ptr<http::Body> body;
};
Result<ReceivedResponse> response_from_wire(Response response);

}  // namespace wattle::bindings::http_wire
